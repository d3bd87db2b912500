// The index: filter its rows, sort its stories. A story keeps together and is sorted by the best of its rows.
const reports = document.getElementById("reports");
if (reports) {
  const filter = document.getElementById("filter"), rows = [...reports.querySelectorAll("tbody tr[data-severity]")];
  const isNumber = (column) => column === "severity";
  const value = (row, column) => (isNumber(column) ? Number(row.dataset[column]) : row.dataset[column].toLowerCase());

  function show() {
    const terms = filter.value.trim().toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !terms.every((term) => row.textContent.toLowerCase().includes(term));
    for (const body of reports.tBodies) body.hidden = ![...body.rows].some((row) => row.dataset.severity && !row.hidden);
    const left = rows.filter((row) => !row.hidden).length;
    document.getElementById("shown").textContent = filter.value ? `${left} of ${rows.length}` : "";
  }

  function sort(head, isDescending) {
    const column = head.dataset.sort, way = isDescending ? -1 : 1;
    const order = (a, b) => (a < b ? -way : a > b ? way : 0);
    const best = (body) => [...body.rows].filter((row) => row.dataset.severity).map((row) => value(row, column)).sort(order)[0];
    reports.append(...[...reports.tBodies].map((body) => [best(body), body]).sort((a, b) => order(a[0], b[0])).map(([, body]) => body));
    for (const each of reports.tHead.querySelectorAll("[data-sort]")) each.setAttribute("aria-sort", each !== head ? "none" : isDescending ? "descending" : "ascending");
  }

  for (const head of reports.tHead.querySelectorAll("[data-sort]")) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "sort", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sort(head, now === "descending" ? false : now === "ascending" ? true : ["severity", "scope"].includes(head.dataset.sort));
    });
  }
  filter.addEventListener("input", show);
  document.getElementById("controls").hidden = false;
}
watchSizes();
