import type { ComponentChildren } from "preact";

export interface Column<T> {
  title: string;
  cell: (row: T) => ComponentChildren;
  /** number: right, with figures of one width. wide: takes what is left. */
  kind?: "number" | "wide" | "code";
  /** Narrow screens leave it out. */
  minor?: boolean;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  empty: ComponentChildren;
  loading?: boolean;
}

/**
 * A Table of rows; with none, what to do about it. On a narrow screen each row is a card, its
 * cells below each other. The roles say what they are there too.
 */
export function Table<T>({ label, columns, rows, id, empty, loading }: Props<T>) {
  if (rows.length === 0) return loading ? <div class="empty quiet">Reading…</div> : <>{empty}</>;
  const style = (c: Column<T>): string => [c.kind ?? "", c.minor ? "minor" : ""].filter(Boolean).join(" ");
  return (
    <div class="table" tabIndex={0} role="region" aria-label={label}>
      <table role="table">
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((c) => (
              <th key={c.title} role="columnheader" scope="col" class={style(c)}>
                {c.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={id(row)} role="row">
              {columns.map((c) => (
                <td key={c.title} role="cell" data-title={c.title} class={style(c)}>
                  {c.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
