// The namespaces that the operator sees, for the picker and the pages of one.
import { namespaces as list, type Resource } from "../api/arm";
import { onSignOut } from "./session";
import { Store } from "./store";

/** null: not read yet. */
export const namespaces = new Store<Resource[] | null>(null);

export async function readNamespaces(): Promise<void> {
  namespaces.value = (await list()).sort((a, b) => a.name.localeCompare(b.name));
}

export function namespaceNamed(name: string): Resource | undefined {
  return namespaces.value?.find((n) => n.name.toLowerCase() === name.toLowerCase());
}

onSignOut(() => {
  namespaces.value = null;
});
