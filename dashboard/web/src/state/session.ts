// Who is signed in. The token is kept in the tab's sessionStorage: it survives a
// reload, is gone with the tab, and no other tab or page has it. localStorage would
// keep it on disk for whoever opens the browser next; a cookie would be sent with
// requests that other pages cause.
import { useToken } from "../api/http";
import { whoAmI, type Who } from "../api/tools";
import { Store } from "./store";

const key = "gridmq.token";

/** Who is signed in; null: nobody; undefined: not known yet. */
export const who = new Store<Who | null | undefined>(undefined);

const leaving: (() => void)[] = [];

/** onSignOut has something done for whoever signs out, or is signed out. */
export function onSignOut(f: () => void): void {
  leaving.push(f);
}

/** Why somebody was signed out without asking for it. */
export const farewell = new Store("");

function expired(): void {
  signOut();
  farewell.value = "The server does not take the token any more. Sign in with another one.";
}

export async function signIn(token: string): Promise<void> {
  useToken(token, () => {}); // a wrong one is told where it was typed
  try {
    const me = await whoAmI();
    useToken(token, expired);
    sessionStorage.setItem(key, token);
    farewell.value = "";
    who.value = me;
  } catch (e) {
    useToken("", () => {});
    throw e;
  }
}

export function signOut(): void {
  sessionStorage.removeItem(key);
  useToken("", () => {});
  farewell.value = "";
  for (const f of leaving) f();
  who.value = null;
}

/** resume signs in with the token of this tab, if it has one. */
export async function resume(): Promise<void> {
  const token = sessionStorage.getItem(key);
  if (!token) {
    who.value = null;
    return;
  }
  try {
    await signIn(token);
  } catch (e) {
    sessionStorage.removeItem(key);
    farewell.value = e instanceof Error ? e.message : String(e);
    who.value = null;
  }
}

/** may says whether some role above all namespaces lets the operator do more than read. A guess for the page; the server decides. */
export function ownsEverything(me: Who): boolean {
  return me.grants.some((g) => g.scope === "/");
}
