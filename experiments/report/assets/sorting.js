// Tables whose columns can be sorted: a button in each heading, `aria-sort` says what holds.

export function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortRows(table.tBodies[0], column, ascending ? 1 : -1);
    });
  });
}

function sortRows(body, column, direction) {
  const rows = [...body.rows].map((row, place) => ({ row, place, key: sortKey(row.cells[column]) }));
  rows.sort((a, b) => {
    // What has no value comes last whatever the direction.
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
    const order = typeof a.key === "number" ? a.key - b.key : a.key.localeCompare(b.key);
    return direction * order || a.place - b.place;
  });
  body.append(...rows.map(({ row }) => row));
}

function sortKey(cell) {
  if (cell.hasAttribute("data-missing")) return null;
  return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
}
