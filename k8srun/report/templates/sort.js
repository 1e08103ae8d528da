"use strict";
// Tables sort by a click (or Enter) on a heading; on paper everything that is folded is open.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
  if (!body || body.rows.length < 2) continue;
  heads.forEach((head, column) => {
    head.classList.add("sortable");
    head.tabIndex = 0;
    const sort = () => {
      const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      const key = (row) => {
        const cell = row.cells[column];
        if (!cell) return "";
        const value = cell.dataset.sort ?? cell.textContent.trim();
        return value !== "" && !Number.isNaN(Number(value)) ? Number(value) : value;
      };
      const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
      body.append(...[...body.rows].sort((a, b) => direction * compare(key(a), key(b))));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
