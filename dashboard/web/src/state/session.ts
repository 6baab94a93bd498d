// Who is signed in. The token is kept in the tab's sessionStorage: it survives a
// reload, is gone with the tab, and no other tab or page has it. localStorage would
// keep it on disk for whoever opens the browser next; a cookie would be sent with
// requests that other pages cause.
import { nobody, useBearer } from "../api/http";
import { whoAmI, type Who } from "../api/tools";
import { bearerOf } from "../signin/bearer";
import { finish, leave, returned, type Tokens } from "../signin/code";
import { readProvider } from "../signin/provider";
import { Store } from "./store";

const key = "gridmq.token";
const renewal = "gridmq.renewal"; // beside it, of a sign-in at a provider

/** Who is signed in; null: nobody; undefined: not known yet. */
export const who = new Store<Who | null | undefined>(undefined);

const leaving: (() => void)[] = [];

/** onSignOut has something done for whoever signs out, or is signed out. */
export function onSignOut(f: () => void): void {
  leaving.push(f);
}

/** Why somebody was signed out without asking for it. */
export const farewell = new Store("");

/** Where the provider signs out, for whoever has signed out here. */
export const elsewhere = new Store("");

let mine: Tokens | null = null;

function keep(t: Tokens): void {
  mine = t;
  sessionStorage.setItem(key, t.token);
  if (t.expires) sessionStorage.setItem(renewal, JSON.stringify({ expires: t.expires, refresh: t.refresh }));
  else sessionStorage.removeItem(renewal);
}

/** forget ends what goes on with the tokens, whether they were given up or are not taken any more. */
function forget(): void {
  mine = null;
  sessionStorage.removeItem(key);
  sessionStorage.removeItem(renewal);
  useBearer(nobody);
  for (const f of leaving) f();
}

function over(why: string): void {
  forget();
  farewell.value = why;
  who.value = null;
}

/** signIn enters with the tokens of a provider, or with one that was typed. */
export async function signIn(t: Tokens): Promise<void> {
  let last = t; // whoAmI may have to renew them
  useBearer(bearerOf(t, (next) => (last = next), () => {})); // a wrong one is told where it was typed
  try {
    const me = await whoAmI();
    if (me.grants.length === 0) {
      throw new Error(`You are ${me.name}, who has no role here. Ask an owner to assign one to this object id, or to a group of yours (Role assignments).`);
    }
    useBearer(bearerOf(last, keep, over));
    keep(last);
    farewell.value = elsewhere.value = "";
    who.value = me;
  } catch (e) {
    useBearer(nobody);
    throw e;
  }
}

/** signInWith enters with a token that somebody typed. */
export const signInWith = (token: string): Promise<void> => signIn({ token, expires: 0, refresh: "" });

/** signOut forgets all there is in this tab. */
export function signOut(): void {
  const was = mine;
  forget();
  if (was?.expires) void leave(was).then((at) => (elsewhere.value = at));
  farewell.value = "";
  who.value = null;
}

/** resume signs in with what the provider has just answered, or with the token of this tab, if there is one. */
export async function resume(): Promise<void> {
  await readProvider();
  try {
    if (returned()) {
      try {
        await signIn(await finish());
        return;
      } catch (e) {
        if (!sessionStorage.getItem(key)) throw e; // else somebody's link signs nobody out
      }
    }
    const token = sessionStorage.getItem(key);
    if (!token) {
      who.value = null;
      return;
    }
    const beside = JSON.parse(sessionStorage.getItem(renewal) ?? "{}") as Partial<Tokens>;
    await signIn({ token, expires: beside.expires ?? 0, refresh: beside.refresh ?? "" });
  } catch (e) {
    over(e instanceof Error ? e.message : String(e));
  }
}

/** may says whether some role above all namespaces lets the operator do more than read. A guess for the page; the server decides. */
export function ownsEverything(me: Who): boolean {
  return me.grants.some((g) => g.scope === "/");
}
