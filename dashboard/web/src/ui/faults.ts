// Which fault belongs to which field.
import type { Fault } from "../api/http";
import type { Field } from "../kinds/kind";

/** matches says whether a fault is about a field: its target is the member, or in it, or right above it with nothing closer. */
function covers(path: string, target: string): boolean {
  return target === path || target.startsWith(`${path}.`) || target.startsWith(`${path}[`);
}

/** assign tells faults apart by field; those of none are in rest. */
export function assign(faults: Fault[], fields: Field[]): { byPath: Map<string, string>; rest: Fault[] } {
  const byPath = new Map<string, string>();
  const rest: Fault[] = [];
  for (const f of faults) {
    const owner = fields
      .filter((x) => covers(x.path.toLowerCase(), f.target.toLowerCase()))
      .sort((a, b) => b.path.length - a.path.length)[0];
    if (!owner) rest.push(f);
    else byPath.set(owner.path, [byPath.get(owner.path), f.message].filter(Boolean).join("; "));
  }
  return { byPath, rest };
}
