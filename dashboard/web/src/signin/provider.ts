// The OpenID provider whose tokens the server takes, if people may sign in there: what
// the server says about it (a file of the console), and what it says about itself.

/** What dashboard/signin.go writes. */
export interface Provider {
  issuer: string;
  clientId: string;
  audience: string;
  scopes: string[];
  origins: string[];
}

/** Endpoints are where the provider does what. Source: OpenID Connect Discovery 1.0, section 3. */
export interface Endpoints {
  authorization: string;
  token: string;
  revocation: string; // empty: none
  endSession: string; // empty: none
}

const timeout = 15_000; // milliseconds

let given: Provider | null = null;

/** provider is the one that readProvider has found; null: people need a token. */
export const provider = (): Provider | null => given;

/** readProvider asks our server, which knows it from its configuration. */
export async function readProvider(): Promise<void> {
  try {
    const answer = await fetch("./signin.json", { credentials: "omit", redirect: "error", signal: AbortSignal.timeout(timeout) });
    const p = (await answer.json()) as Partial<Provider>;
    given = answer.ok && p.issuer && p.clientId ? (p as Provider) : null;
  } catch {
    given = null; // a token does without
  }
}

/** nameOf is how people know a provider. */
export const nameOf = (p: Provider): string => new URL(p.issuer).host;

/** A Refusal is what the provider answered that is not what was asked for. */
export class Refusal extends Error {}

/** ask sends one request to the provider and reads JSON. */
export async function ask(p: Provider, url: string, form?: Record<string, string>): Promise<Record<string, unknown>> {
  const { origin } = new URL(url);
  if (!p.origins.includes(origin)) {
    throw new Error(`${nameOf(p)} has an endpoint at ${origin}, where this page may not go: add that to management.oidc.sign_in.origins in the server's configuration.`);
  }
  let answer: Response;
  let body: unknown;
  try {
    answer = await fetch(url, {
      method: form ? "POST" : "GET",
      headers: { Accept: "application/json" },
      body: form ? new URLSearchParams(form) : null,
      credentials: "omit",
      redirect: "error",
      cache: "no-store",
      signal: AbortSignal.timeout(timeout),
    });
    body = await answer.json().catch(() => undefined);
  } catch {
    // Browsers do not tell a page which of the two it was.
    throw new Error(`${nameOf(p)} cannot be reached from this browser, or does not let pages of ${location.origin} ask (CORS).`);
  }
  const said = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  if (!answer.ok) throw new Refusal(`${nameOf(p)} refused: ${reason(said) || `it answered ${answer.status}`}`);
  return said;
}

/** reason is the text of an OAuth error. Source: RFC 6749, section 5.2. */
export function reason(said: Record<string, unknown>): string {
  const text = (name: string): string => (typeof said[name] === "string" ? said[name] : "");
  return (text("error_description") || text("error")).slice(0, 300);
}

let found: Endpoints | null = null;

/** discover reads the provider's document, once. */
export async function discover(p: Provider): Promise<Endpoints> {
  if (found) return found;
  const d = await ask(p, `${p.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (d["issuer"] !== p.issuer) throw new Error(`${nameOf(p)} calls itself ${String(d["issuer"])}, and the server's configuration ${p.issuer}.`);
  const methods = d["code_challenge_methods_supported"];
  if (Array.isArray(methods) && !methods.includes("S256")) throw new Error(`${nameOf(p)} does not know PKCE with S256.`);
  const at = (name: string): string => {
    const url = d[name];
    return typeof url === "string" && URL.canParse(url) && new URL(url).protocol === "https:" ? url : ""; // no script, and nothing in clear
  };
  const all = { authorization: at("authorization_endpoint"), token: at("token_endpoint"), revocation: at("revocation_endpoint"), endSession: at("end_session_endpoint") };
  if (!all.authorization || !all.token) throw new Error(`${nameOf(p)} does not say where people sign in.`);
  found = all;
  return found;
}
