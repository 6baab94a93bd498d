// Requests to the management plane. The token goes out as a header and nowhere else:
// never in a URL, which ends up in logs and histories.

/** What the server says is wrong with one member of a request. */
export interface Fault {
  target: string;
  message: string;
}

/** A refusal of the management plane, or a failure to reach it (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly faults: Fault[],
  ) {
    super(message);
  }
}

export interface Call {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

export interface Answer<T> {
  status: number;
  body: T;
  etag: string;
  warnings: string[];
}

const timeout = 30_000; // milliseconds

/** A Bearer is whoever asks. */
export interface Bearer {
  /** token is what goes out with a request; empty: nothing. It may have to be renewed first. */
  token(): string | Promise<string>;
  /** refused is told when the server does not take the token any more. */
  refused(): void;
}

/** nobody has no token. */
export const nobody: Bearer = { token: () => "", refused: () => {} };

let bearer = nobody;

/** useBearer sets who makes all requests that follow. */
export function useBearer(next: Bearer): void {
  bearer = next;
}

/** request sends one request, and throws an ApiError for every refusal. */
export async function request<T>(path: string, call: Call = {}): Promise<Answer<T>> {
  const limit = AbortSignal.timeout(timeout);
  const signal = call.signal ? AbortSignal.any([call.signal, limit]) : limit;
  const response = await send(path, call, signal);
  const body = parsed(await reading(response.text(), call.signal));
  return {
    status: response.status,
    body: body as T,
    etag: response.headers.get("ETag") ?? "",
    warnings: (response.headers.get("gridmq-warning") ?? "").split(", ").filter(Boolean),
  };
}

/** stream sends one request, and yields the lines of an answer that goes on: none when it has begun, and then as many at a time as have come. */
export async function* stream<T>(path: string, call: Call & { signal: AbortSignal }): AsyncGenerator<T[]> {
  const { body } = await send(path, call, call.signal);
  yield [];
  if (!body) return;
  const text = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { done, value } = await reading(text.read(), call.signal);
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    yield lines.filter(Boolean).map((l) => JSON.parse(l) as T);
  }
}

/** send is one request with its answer's beginning. The token that is refused is forgotten. */
async function send(path: string, call: Call, signal: AbortSignal): Promise<Response> {
  const by = bearer;
  const token = await by.token();
  const headers: Record<string, string> = { Accept: "application/json", ...call.headers };
  if (token) headers["Authorization"] = `Bearer ${token}`;
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  const response = await reading(
    fetch(path, {
      method: call.method ?? "GET",
      headers,
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal,
      credentials: "omit",
      redirect: "error",
      cache: "no-store",
    }),
    call.signal,
  );
  if (response.ok) return response;
  const error = refusal(response.status, parsed(await reading(response.text(), call.signal)));
  if (error.status === 401 && by === bearer) by.refused();
  throw error;
}

/** reading waits for the network, and says in words when there is none; who gave it up is told just that. */
async function reading<T>(what: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await what;
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new ApiError(0, "Unreachable", "The server cannot be reached. It may be restarting; this page goes on by itself.", []);
  }
}

function parsed(text: string): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

interface ErrorBody {
  error?: { code?: string; message?: string; target?: string; details?: { target?: string; message?: string }[] };
}

function refusal(status: number, body: unknown): ApiError {
  const e = (body as ErrorBody | undefined)?.error;
  if (!e?.code) return new ApiError(status, "Unknown", `The server answered ${status}.`, []);
  const message = e.message ?? e.code;
  const faults: Fault[] = (e.details ?? []).map((d) => ({ target: d.target ?? "", message: d.message ?? "" }));
  if (faults.length === 0 && e.target) {
    // The message of a single fault begins with its target, which the field says already.
    faults.push({ target: e.target, message: message.replace(`${e.target}: `, "") });
  }
  return new ApiError(status, e.code, message, faults);
}

/** A page of a list. */
export interface Page<T> {
  value: T[];
  nextLink?: string;
}

/** here is the path of a nextLink, which names the server by its public URL. */
export function here(link: string): string {
  const url = new URL(link, location.href);
  return url.pathname + url.search;
}

/** all reads the pages of a list, up to so many entries. */
export async function all<T>(path: string, most = 2000, signal?: AbortSignal): Promise<T[]> {
  const list: T[] = [];
  for (let next: string | undefined = path; next && list.length < most; ) {
    const { body }: Answer<Page<T>> = await request<Page<T>>(next, { signal });
    list.push(...body.value);
    next = body.nextLink && here(body.nextLink);
  }
  return list;
}
