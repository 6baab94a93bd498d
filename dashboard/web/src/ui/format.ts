// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const some = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

export function count(n: number): string {
  return whole.format(n);
}

/** short is a number in few characters, for axes and tiles. */
export function short(n: number): string {
  if (Math.abs(n) >= 1e9) return `${some.format(n / 1e9)} G`;
  if (Math.abs(n) >= 1e6) return `${some.format(n / 1e6)} M`;
  if (Math.abs(n) >= 1e4) return `${some.format(n / 1e3)} k`;
  return n !== 0 && Math.abs(n) < 10 ? fine.format(n) : whole.format(n);
}

export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) {
    n /= 1024;
    at++;
  }
  return `${at === 0 ? whole.format(n) : some.format(n)} ${units[at]}`;
}

export function milliseconds(n: number): string {
  return n >= 1000 ? `${some.format(n / 1000)} s` : `${n < 10 ? fine.format(n) : whole.format(n)} ms`;
}

/** seconds as a length of time. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** ago is how long since an instant. */
export function ago(instant: string | undefined, now = Date.now()): string {
  if (!instant) return "";
  return duration((now - Date.parse(instant)) / 1000);
}

/** moment is an instant in local time, to the second. */
export function moment(instant: string | undefined): string {
  if (!instant) return "";
  const d = new Date(instant);
  if (Number.isNaN(d.getTime())) return instant;
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}
