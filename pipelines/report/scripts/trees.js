// The drill-down: the scope's calls as three trees, to be filtered, sorted, opened and exported.
const NONE = "not in the log";
const [ENTITY, ADDRESS, API, KEY, HOURS] = [0, 1, 2, 3, 4];
const word = (row, part) => data.words[row[part]] ?? NONE;
const address = { name: "Address", of: (row) => word(row, ADDRESS) };
const api = { name: "API", of: (row) => word(row, API) };
const method = { name: "API", of: (row) => callOf(word(row, API)) };
const service = { name: "Service", of: (row) => serviceOf(word(row, API)) || NONE };
const key = { name: "Access key", of: (row) => word(row, KEY) };
const TREES = [
  { id: "by-address", title: "By address", levels: [address, api, key] },
  { id: "by-api", title: "By API", levels: [service, method, address] },
  { id: "by-key", title: "By access key", levels: [key, service, method] },
];

// An address as a number and its width in bits; null if it is none.
function bitsOf(text) {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const bytes = text.split(".").map(Number);
    return bytes.some((byte) => byte > 255) ? null : { width: 32, bits: bytes.reduce((all, byte) => all * 256n + BigInt(byte), 0n) };
  }
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(":")) return null;
  const mapped = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${(a * 256 + +b).toString(16)}:${(c * 256 + +d).toString(16)}`);
  const halves = mapped.split("::").map((half) => (half ? half.split(":") : []));
  if (halves.length > 2) return null;
  const [head, tail = []] = halves, gap = halves.length === 2 ? 8 - head.length - tail.length : 0;
  const groups = [...head, ...Array(Math.max(0, gap)).fill("0"), ...tail];
  if (groups.length !== 8 || groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return null;
  return { width: 128, bits: groups.reduce((all, group) => all * 65536n + BigInt(`0x${group}`), 0n) };
}

// One term of a filter: part of a text in any column, or a CIDR block.
function matcher(term) {
  const block = /^(.+)\/(\d{1,3})$/.exec(term), network = block && bitsOf(block[1]);
  if (network && Number(block[2]) <= network.width) {
    const shift = BigInt(network.width - Number(block[2]));
    return (label) => { const at = bitsOf(label); return at?.width === network.width && at.bits >> shift === network.bits >> shift; };
  }
  return (label) => label.toLowerCase().includes(term);
}

// `a b` asks for both, `a or b` for one of them, `-a` for what does not have it.
function filterOf(text) {
  const choices = text.trim().toLowerCase().split(/\s+or\s+/).map((choice) => choice.split(/\s+/).filter((term) => term && term !== "-")
    .map((term) => (term.startsWith("-") ? [matcher(term.slice(1)), false] : [matcher(term), true])));
  return (labels) => choices.some((terms) => terms.every(([matches, isWanted]) => labels.some(matches) === isWanted));
}

// A cell that a spreadsheet would compute gets an apostrophe; every cell is quoted (RFC 4180).
const cell = (value) => `"${String(value).replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;
const csvOf = (rows) => rows.map((row) => row.map((value) => (typeof value === "number" ? value : cell(value))).join(",")).join("\r\n") + "\r\n";

function save(name, text) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function makeTree({ id, title, levels }) {
  let scope = null, sortedBy = "ok", isDescending = true, leaves = [], rest = null;
  const open = new Set();
  const search = el("input", { type: "search", "aria-label": `Filter ${title.toLowerCase()}`, placeholder: "filter: text, 198.51.100.0/24, a or b, -a", autocomplete: "off" });
  const body = el("tbody", {}), summary = el("span", { class: "quiet", role: "status" });
  const columns = [["name", levels.map((level) => level.name).join(" → ")], ["ok", "OK"], ["failed", "Failed"]];
  const heads = columns.map(([column, name]) => el("th", { scope: "col", role: "columnheader", class: column === "name" ? null : "num" },
    el("button", { type: "button", class: "sort", "data-sort": column }, name)));
  const grid = el("table", { role: "treegrid", class: "tree", "aria-label": title }, el("caption", { class: "unseen" }, `${title}: counts are of what the filter leaves; arrow keys move, open and close`),
    el("thead", {}, el("tr", { role: "row" }, heads)), body);
  const button = (name, act) => { const made = el("button", { type: "button" }, name); made.addEventListener("click", act); return made; };

  function nodes() {
    const top = new Map(), accepts = filterOf(search.value);
    leaves = [];
    for (const row of data.tree.rows) {
      const { ok, failed } = counted(row[HOURS], scope);
      if (ok + failed === 0) continue;
      const labels = levels.map((level) => level.of(row));
      if (!accepts([...labels, data.entities[row[ENTITY]].name])) continue;
      leaves.push([...labels, data.entities[row[ENTITY]].name, ok, failed]);
      let children = top, path = "";
      labels.forEach((label, depth) => {
        path += `\n${label}`;
        if (!children.has(label)) children.set(label, { label, path, depth, ok: 0, failed: 0, children: new Map() });
        const node = children.get(label);
        node.ok += ok;
        node.failed += failed;
        children = node.children;
      });
    }
    return top;
  }

  const inOrder = (children) => [...children.values()].sort((a, b) => (sortedBy === "name"
    ? (isDescending ? -1 : 1) * (a.label < b.label ? -1 : 1)
    : (isDescending ? -1 : 1) * (a[sortedBy] - b[sortedBy]) || (a.label < b.label ? -1 : 1)));

  function rowsOf(children) {
    return inOrder(children).flatMap((node, place, all) => {
      const isBranch = node.children.size > 0, isOpen = isBranch && open.has(node.path);
      const made = el("tr", { role: "row", "aria-level": node.depth + 1, "aria-posinset": place + 1, "aria-setsize": all.length, "aria-expanded": isBranch ? String(isOpen) : null, tabindex: -1 },
        el("td", { role: "gridcell", class: `name depth-${node.depth}` }, el("span", { class: "twist", "aria-hidden": "true" }, isBranch ? (isOpen ? "▾" : "▸") : ""), textOf(node.label),
          isBranch && !isOpen ? el("span", { class: "quiet" }, ` ${numberOf(node.children.size)}`) : null),
        el("td", { role: "gridcell", class: "num" }, numberOf(node.ok)), el("td", { role: "gridcell", class: node.failed ? "num bad" : "num" }, numberOf(node.failed)));
      made.node = node;
      return [made, ...(isOpen ? rowsOf(node.children) : [])];
    });
  }

  function draw(focusPath = null) {
    const top = nodes(), rows = rowsOf(top);
    rest = counted(data.tree.rest[1], scope);
    if (rest.first !== null) rows.push(el("tr", { role: "row", class: "rest", "aria-level": 1, tabindex: -1 }, el("td", { role: "gridcell", class: "name" }, `… ${plural(data.tree.rest[0], "other")}, summed`),
      el("td", { role: "gridcell", class: "num" }, numberOf(rest.ok)), el("td", { role: "gridcell", class: "num" }, numberOf(rest.failed))));
    if (!rows.length) rows.push(el("tr", { role: "row", "aria-level": 1, tabindex: -1 }, el("td", { role: "gridcell", colspan: 3, class: "quiet" }, search.value ? "Nothing fits the filter." : "No call in the scope.")));
    body.replaceChildren(...rows);
    const focused = rows.find((row) => row.node?.path === focusPath);
    (focused ?? rows[0]).tabIndex = 0;
    focused?.focus();
    heads.forEach((head, place) => head.setAttribute("aria-sort", columns[place][0] !== sortedBy ? "none" : isDescending ? "descending" : "ascending"));
    const [ok, failed] = leaves.reduce((all, leaf) => [all[0] + leaf.at(-2), all[1] + leaf.at(-1)], [0, 0]);
    summary.textContent = `${plural(top.size, "row")}, ${plural(ok + failed, "call")}, ${numberOf(failed)} failed`;
  }

  function toggle(node, isOpening = !open.has(node.path)) {
    if (isOpening) open.add(node.path); else open.delete(node.path);
    draw(node.path);
  }

  function onKey(event) {
    const row = event.target.closest("tr"), rows = [...body.rows], place = rows.indexOf(row), node = row?.node;
    if (event.target !== row) return;
    const level = Number(row.getAttribute("aria-level")), isOpen = row.getAttribute("aria-expanded") === "true";
    const parent = () => rows.slice(0, place).reverse().find((each) => Number(each.getAttribute("aria-level")) < level);
    const moves = { ArrowDown: rows[place + 1], ArrowUp: rows[place - 1], Home: rows[0], End: rows.at(-1) };
    if (event.key in moves) go(moves[event.key]);
    else if (event.key === "ArrowRight" && node?.children.size) { if (isOpen) go(rows[place + 1]); else toggle(node, true); }
    else if (event.key === "ArrowLeft") { if (isOpen) toggle(node, false); else go(parent()); }
    else if ((event.key === "Enter" || event.key === " ") && node?.children.size) toggle(node);
    else return;
    event.preventDefault();
    function go(to) { if (to) { row.tabIndex = -1; to.tabIndex = 0; to.focus(); } }
  }

  function exported() {
    const names = [...levels.map((level) => level.name), "By", "From", "To", "Successful", "Failed"], from = isoOf(scope.from), to = isoOf(scope.to);
    const lines = leaves.map((leaf) => [...leaf.slice(0, -2), from, to, ...leaf.slice(-2)]);
    if (rest.first !== null) lines.push([`${data.tree.rest[0]} others, summed`, ...Array(levels.length).fill(""), from, to, rest.ok, rest.failed]);
    save(`${id}-${data.file}-${from.slice(0, 13)}.csv`, csvOf([names, ...lines]));
  }

  const everyBranch = () => { const all = []; const walk = (children) => { for (const node of children.values()) if (node.children.size) { all.push(node.path); walk(node.children); } }; walk(nodes()); return all; };
  body.addEventListener("keydown", onKey);
  body.addEventListener("click", (event) => {
    const node = event.target.closest("tr")?.node;
    if (node?.children.size && !event.target.closest("summary")) toggle(node);
  });
  search.addEventListener("input", () => draw());
  heads.forEach((head) => head.firstChild.addEventListener("click", () => {
    const column = head.firstChild.dataset.sort;
    [sortedBy, isDescending] = column === sortedBy ? [column, !isDescending] : [column, column !== "name"];
    draw();
  }));
  const host = el("section", { id, class: "tree-panel", "aria-label": title }, el("h3", {}, title, " ", summary),
    el("div", { class: "controls" }, search, button("Open all", () => { everyBranch().forEach((path) => open.add(path)); draw(); }),
      button("Close all", () => { open.clear(); draw(); }), button("CSV", exported)), el("div", { class: "wide" }, grid));
  return { host, draw: (to) => { scope = to; draw(); } };
}
