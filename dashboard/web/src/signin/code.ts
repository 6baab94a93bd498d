// Signing in at the OpenID provider: an authorization code with PKCE (RFC 7636), as RFC
// 9700 wants it of pages. The page leaves for the provider and comes back to itself;
// what it has to remember meanwhile is in the tab's sessionStorage.
import { checkAccess, checkIdentity, claimsOf } from "./claims";
import { ask, discover, nameOf, provider, reason, type Provider } from "./provider";

/** Tokens of a sign-in. */
export interface Tokens {
  token: string;
  expires: number; // milliseconds since 1970; 0: not known
  refresh: string; // empty: it cannot be renewed
}

interface Pending {
  state: string;
  nonce: string;
  verifier: string;
  hash: string; // the page that was asked for
}

const key = "gridmq.signin";

/** redirectURI is this page, as whoever opened it calls the server. */
const redirectURI = (): string => new URL("./", location.origin + location.pathname).href;

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** begin leaves for the provider. */
export async function begin(p: Provider): Promise<void> {
  const { authorization } = await discover(p);
  const pending: Pending = { state: random(), nonce: random(), verifier: random(), hash: location.hash };
  const challenge = base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier))));
  sessionStorage.setItem(key, JSON.stringify(pending));
  const url = new URL(authorization);
  for (const [name, value] of Object.entries({
    response_type: "code",
    client_id: p.clientId,
    redirect_uri: redirectURI(),
    scope: p.scopes.join(" "),
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: challenge,
    code_challenge_method: "S256",
  }))
    url.searchParams.set(name, value);
  location.assign(url.href);
}

/** returned says whether the browser comes from the provider. */
export function returned(): boolean {
  const q = new URLSearchParams(location.search);
  return q.has("code") || q.has("error");
}

/** finish takes the provider's answer out of the address, and gets tokens for it. */
export async function finish(): Promise<Tokens> {
  const q = new URLSearchParams(location.search);
  const kept = sessionStorage.getItem(key);
  sessionStorage.removeItem(key); // one answer, one try
  history.replaceState(null, "", redirectURI()); // no reload sends the code again
  const pending = kept ? (JSON.parse(kept) as Pending) : null;
  const p = provider();
  if (!p || !pending || q.get("state") !== pending.state) {
    throw new Error("The answer that came does not belong to a sign-in of this tab (state). Sign in again.");
  }
  if (pending.hash) location.replace(pending.hash);
  if (q.get("iss") && q.get("iss") !== p.issuer) throw new Error(`The answer is not of ${nameOf(p)}. Sign in again.`); // RFC 9207
  const code = q.get("code");
  if (!code) throw new Error(`${nameOf(p)} did not sign you in: ${reason(Object.fromEntries(q))}`);
  const { token } = await discover(p);
  const answer = await ask(p, token, { grant_type: "authorization_code", code, redirect_uri: redirectURI(), client_id: p.clientId, code_verifier: pending.verifier });
  checkIdentity(p, answer["id_token"], pending.nonce);
  return taken(p, answer, "");
}

/** renew gets other tokens without asking anybody. It throws a Refusal if the provider wants to see the person again. */
export async function renew(old: Tokens): Promise<Tokens> {
  const p = provider();
  if (!p) throw new Error("The server has no OpenID provider any more. Sign in again.");
  const { token } = await discover(p);
  return taken(p, await ask(p, token, { grant_type: "refresh_token", refresh_token: old.refresh, client_id: p.clientId }), old.refresh);
}

function taken(p: Provider, answer: Record<string, unknown>, refresh: string): Tokens {
  const token = answer["access_token"];
  checkAccess(p, token);
  const { expires_in: lives, refresh_token: next } = answer;
  const ends = claimsOf(token)?.["exp"];
  const expires = typeof lives === "number" ? Date.now() + lives * 1000 : typeof ends === "number" ? ends * 1000 : 0;
  return { token, expires, refresh: typeof next === "string" ? next : refresh };
}

/** leave tells the provider that nobody will renew with these any more, and returns where it signs people out of itself; empty: it does not say. */
export async function leave(t: Tokens): Promise<string> {
  const p = provider();
  if (!p) return "";
  try {
    const { revocation, endSession } = await discover(p);
    // A courtesy, for which nobody waits. Source: RFC 7009.
    if (revocation && t.refresh) ask(p, revocation, { token: t.refresh, token_type_hint: "refresh_token", client_id: p.clientId }).catch(() => {});
    if (!endSession) return "";
    const url = new URL(endSession);
    url.searchParams.set("client_id", p.clientId);
    return url.href;
  } catch {
    return "";
  }
}
