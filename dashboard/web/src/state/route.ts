// Pages are told apart behind the #, which browsers send to nobody.
import { Store } from "./store";

/** The parts of the path behind the #, decoded. */
export const route = new Store<string[]>(parts());

function parts(): string[] {
  return location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

/** link is the href of a page. */
export function link(...names: string[]): string {
  return `#/${names.map(encodeURIComponent).join("/")}`;
}

export function go(...names: string[]): void {
  location.hash = link(...names);
}

addEventListener("hashchange", () => {
  route.value = parts();
});
