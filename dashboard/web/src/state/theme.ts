// Dark or light: as the system has it, or as the operator chose here.
import { Store } from "./store";

export type Theme = "system" | "light" | "dark";

const key = "gridmq.theme";
const known: Theme[] = ["system", "light", "dark"];

function stored(): Theme {
  const t = localStorage.getItem(key) as Theme | null; // a preference, no secret
  return t && known.includes(t) ? t : "system";
}

export const theme = new Store<Theme>(stored());

function show(): void {
  const root = document.documentElement;
  if (theme.value === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme.value;
}

export function nextTheme(): void {
  theme.value = known[(known.indexOf(theme.value) + 1) % known.length] ?? "system";
  localStorage.setItem(key, theme.value);
  show();
}

show();
