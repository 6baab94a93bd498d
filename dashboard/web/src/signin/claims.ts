// What the provider's tokens say, and whether they are for us. Their signatures are the
// server's affair: it checks the access token with every request, and the ID token has
// come straight from the provider, over TLS (OpenID Connect Core 1.0, section 3.1.3.7,
// point 6). What is checked here is that they belong to this sign-in.
import { nameOf, type Provider } from "./provider";

type Claims = Record<string, unknown>;

/** claimsOf are those of a JWT; null: it is none. */
export function claimsOf(token: unknown): Claims | null {
  const parts = typeof token === "string" ? token.split(".") : [];
  if (parts.length !== 3) return null;
  try {
    const bytes = Uint8Array.from(atob((parts[1] ?? "").replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? (claims as Claims) : null;
  } catch {
    return null;
  }
}

const audiences = (c: Claims): unknown[] => (Array.isArray(c["aud"]) ? c["aud"] : [c["aud"]]);

const skew = 60; // seconds that two clocks may differ

/** checkIdentity throws unless the ID token answers this sign-in. */
export function checkIdentity(p: Provider, idToken: unknown, nonce: string): void {
  const c = claimsOf(idToken);
  const fail = (why: string): never => {
    throw new Error(`The answer of ${nameOf(p)} was not taken: ${why}. Sign in again.`);
  };
  if (!c) return fail("it has no ID token");
  if (c["iss"] !== p.issuer) fail("its ID token is of another issuer");
  const aud = audiences(c);
  if (!aud.includes(p.clientId) || (aud.length > 1 && c["azp"] !== p.clientId)) fail("its ID token is for another application");
  if (typeof c["exp"] !== "number" || c["exp"] + skew < Date.now() / 1000) fail("its ID token has expired, or this computer's clock is wrong");
  if (c["nonce"] !== nonce) fail("its ID token belongs to another sign-in (nonce)");
}

/** checkAccess throws, with what to do about it, if the server would not take the access token. */
export function checkAccess(p: Provider, token: unknown): asserts token is string {
  const c = claimsOf(token);
  if (!c) throw new Error(`The access token of ${nameOf(p)} is not a JWT, which the server could check. Ask for one by management.oidc.sign_in.scopes, or have the provider make one.`);
  if (c["iss"] !== p.issuer) throw new Error(`The access token of ${nameOf(p)} says that it is of ${String(c["iss"])}, and the server takes those of ${p.issuer}.`);
  if (!audiences(c).includes(p.audience)) {
    const others = audiences(c).filter((a) => a !== undefined).join(", ");
    throw new Error(
      `The access token of ${nameOf(p)} is ${others ? `for the audience ${others}` : "for no audience"}, and the server takes those for ${p.audience}. Ask for it by management.oidc.sign_in.scopes, or have the provider add it.`,
    );
  }
}
