// Who makes requests with the tokens of a sign-in: they are renewed a moment before
// they end, by one request however many wait for it.
import { ApiError, type Bearer } from "../api/http";
import { renew, type Tokens } from "./code";
import { nameOf, provider, Refusal } from "./provider";

const early = 30_000; // milliseconds

/** bearerOf makes a Bearer. kept is told of new tokens, over that there are none any more, and why. */
export function bearerOf(first: Tokens, kept: (t: Tokens) => void, over: (why: string) => void): Bearer {
  let now = first;
  let renewing: Promise<string> | null = null;

  const ended = (): never => {
    const p = provider();
    const why = `The sign-in${p ? ` at ${nameOf(p)}` : ""} has ended. Sign in again.`;
    over(why);
    throw new ApiError(401, "Expired", why, []);
  };
  const renewed = async (): Promise<string> => {
    try {
      now = await renew(now);
      kept(now);
      return now.token;
    } catch (e) {
      if (e instanceof Refusal) return ended();
      if (Date.now() < now.expires) return now.token; // still good; the next request tries again
      throw new ApiError(0, "Unreachable", e instanceof Error ? e.message : String(e), []);
    }
  };
  return {
    token: () => {
      if (now.expires === 0) return now.token;
      if (!now.refresh) return Date.now() < now.expires ? now.token : ended();
      if (Date.now() < now.expires - early) return now.token;
      renewing ??= renewed().finally(() => (renewing = null));
      return renewing;
    },
    refused: () => over("The server does not take the token any more. Sign in again, or with another one."),
  };
}
