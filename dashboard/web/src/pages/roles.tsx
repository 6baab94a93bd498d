import { useState } from "preact/hooks";
import { page, url, type Resource } from "../api/arm";
import { request, type Page } from "../api/http";
import { text } from "../api/json";
import { assignmentsAt, roleAssignments, shortScope, type Definition } from "../kinds/server";
import { namespaces } from "../state/namespaces";
import { go, link } from "../state/route";
import { useStore } from "../state/store";
import { Editor } from "../ui/editor";
import { useLoad } from "../ui/load";
import { Empty, Head, Problem } from "../ui/parts";
import { Table } from "../ui/table";

const useRoles = () =>
  useLoad(async (signal) => (await request<Page<Definition>>(url("/providers/Microsoft.Authorization/roleDefinitions"), { signal })).body.value, []);

/** Roles are the role assignments at every scope. */
export function Roles() {
  const roles = useRoles();
  const kind = roleAssignments(roles.value ?? []);
  const list = useLoad(async (signal) => (await page(url(assignmentsAt("/")), signal)).value, [], 10_000);
  const make = (
    <a class="button primary" href={link("roles", "+")}>
      New role assignment
    </a>
  );
  return (
    <>
      <Head title={kind.many} about={kind.about}>
        {make}
      </Head>
      <Problem text={list.problem || roles.problem} retry={list.again} />
      <Table<Resource>
        label={kind.many}
        rows={list.value ?? []}
        id={(r) => r.id}
        loading={list.loading && !list.value}
        columns={[{ title: "Name", kind: "wide", cell: (r) => <a href={link("roles", r.name, text(r, "properties.scope") || "/")}>{r.name}</a> }, ...kind.columns]}
        empty={
          <Empty title="No role assignments yet">
            <p>{kind.empty}</p>
            {make}
          </Empty>
        }
      />
    </>
  );
}

/** RolePage is one, or a new one, for which the scope is chosen first. */
export function RolePage({ name, scope: given }: { name: string | null; scope: string }) {
  const all = useStore(namespaces);
  const roles = useRoles();
  const [chosen, setChosen] = useState("/");
  const scope = name === null ? chosen : given;
  if (!roles.value) return <Problem text={roles.problem} retry={roles.again} />;
  return (
    <Editor
      key={`${name ?? ""}/${given}`}
      kind={roleAssignments(roles.value)}
      base={assignmentsAt(scope)}
      name={name}
      refs=""
      above={
        <>
          <a href={link("roles")}>Role assignments</a>
          {name !== null && ` · at ${shortScope(scope)}`}
        </>
      }
      intro={
        name === null ? (
          <div class="field scope">
            <label for="role-scope">Scope</label>
            <div>
              <select id="role-scope" value={chosen} onChange={(e) => setChosen(e.currentTarget.value)}>
                <option value="/">/ (everything)</option>
                {all?.map((n) => (
                  <option key={n.id} value={n.id}>
                    {n.name}
                  </option>
                ))}
              </select>
              <p class="hint">Where the role holds. Other scopes, as a topic: gridmq apply, az.</p>
            </div>
          </div>
        ) : undefined
      }
      saved={(made) => go("roles", made, scope)}
      gone={() => go("roles")}
    />
  );
}
