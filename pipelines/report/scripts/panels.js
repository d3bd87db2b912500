// New behaviour, increased volume, the map and the chart, drawn anew for a scope.
const TAGS = { [KNOWN]: ["ok", "known"], [NEW]: ["warn", "new in 45 days"], [NEVER]: ["new", "never seen"] };
const MOST_ROWS = 60;
const tag = (kind, text) => el("span", { class: `tag ${kind}` }, text);
const nameOf = (entity) => textOf(data.entities[entity].name, 56);

function drawNovelty(panel, scope) {
  const rows = noveltiesIn(panel, scope).sort((a, b) => b.isNew - a.isNew), rest = restIn(PANELS[panel], scope);
  const host = document.querySelector(`[data-follow="${panel}"]`), fresh = rows.filter((row) => row.isNew).length;
  const drawn = rows.slice(0, MOST_ROWS).map((row) => el("tr", { class: row.isNew ? "fresh" : null, "data-value": row.value, "data-entity": row.entity },
    el("th", { scope: "row" }, panel === "api_calls" ? apiOf(row.value) : textOf(row.value),
      row.latitude !== null && panel === "geolocations" ? [el("br"), el("span", { class: "quiet" }, `${row.latitude}, ${row.longitude} · ${row.sourceIps.join(", ")}`)] : null),
    el("td", { class: "id" }, nameOf(row.entity), row.isInTraining ? [" ", tag("warn", "in training")] : null), counts(row),
    el("td", { class: "nowrap" }, hourOf(row.first)),
    row.levels.map((level) => el("td", { class: level ? null : "quiet", "data-status": level ?? "none" }, level ? tag(...TAGS[level]) : "–"))));
  const beyond = rows.slice(MOST_ROWS), others = beyond.length + rest.count;
  if (others && (beyond.length || rest.ok + rest.failed)) {
    const sum = beyond.reduce((all, row) => ({ ok: all.ok + row.ok, failed: all.failed + row.failed }), rest);
    drawn.push(el("tr", { class: "rest" }, el("th", { scope: "row" }, `… ${plural(others, "other")}, summed`), el("td"), counts(sum), el("td", { colspan: 5 })));
  }
  const { title, noun } = host.dataset;
  host.replaceChildren(drawn.length
    ? table(`${title} in the scope as changed, and whether they were seen before it`, [[noun], ["By"], ["OK", "num"], ["Failed", "num"], ["First hour"],
      ["This session"], ["Its role"], ["Who was behind it"], ["Account"]], drawn)
    : nothing("Nothing in the scope says anything about these."));
  mark(panel, fresh ? tag("new", `${fresh} new`) : rows.length ? tag("ok", "none new") : "");
  return rows;
}

function drawIncreased(scope) {
  const tests = surgesIn(scope), rows = tests.filter((test) => test.isIncreased);
  const host = document.querySelector("[data-follow=increased]");
  host.replaceChildren(rows.length
    ? table("Calls made significantly more often than in the same-length windows of the 45 days before", [["API"], ["By"], ["In scope", "num"],
      ["Expected", "num"], ["Ratio", "num"], ["Most before", "num"], ["Windows", "num"], ["p", "num"]],
    rows.map((row) => el("tr", { class: "fresh", "data-value": row.value, "data-entity": row.entity, "data-p": row.p }, el("th", { scope: "row" }, apiOf(row.value)),
      el("td", { class: "id" }, nameOf(row.entity)), number(row.count), el("td", { class: "num" }, String(Number(row.expected.toFixed(3)))),
      el("td", { class: "num" }, row.ratio.toFixed(1)), number(row.windows.most), number(row.windows.count), el("td", { class: "num" }, row.p.toExponential(1)))))
    : nothing(`None of ${tests.length} calls with an earlier use was made significantly more often.`));
  host.dataset.tests = JSON.stringify(tests.map((test) => [test.entity, test.value, test.count, test.windows.count, test.expected, test.p, test.isIncreased]));
  mark("increased", rows.length ? tag("new", rows.length) : tag("ok", "none"));
}

const marks = new Map([...document.querySelectorAll("[data-new]")].map((each) => [each.dataset.new, { host: each, original: [...each.childNodes] }]));
const mark = (panel, what) => marks.get(panel).host.replaceChildren(what);

// The map's own shapes, as worldmap.py draws them: a ring for a known place, a filled diamond for a new one.
const places = document.querySelector("svg.world .places"), originalPlaces = places ? [...places.childNodes] : [];
function drawPlaces(rows) {
  const located = rows.filter((row) => row.latitude !== null && row.longitude !== null).sort((a, b) => a.isNew - b.isNew);
  places.replaceChildren(...located.map((row) => {
    const x = (row.longitude + 180) * 2, y = (90 - row.latitude) * 2;
    const shape = document.createElementNS(places.namespaceURI, row.isNew ? "path" : "circle");
    const attributes = row.isNew ? { class: "place fresh", d: `M${x} ${y - 6}l6 6-6 6-6-6z` } : { class: "place known", cx: x, cy: y, r: 4.5 };
    for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
    const title = document.createElementNS(places.namespaceURI, "title");
    title.textContent = `${row.value}, ${row.isNew ? "new" : "known"}`;
    shape.append(title);
    return shape;
  }));
}

function drawCounts(scope) {
  const nouns = [["api", "API"], ["source_ip", "address"], ["city", "place"], ["asn", "network"], ["user_agent", "user agent"], ["access_key", "access key"]];
  const calls = [...valuesIn("api", scope), restIn("api", scope)].reduce((all, row) => ({ ok: all.ok + row.ok, failed: all.failed + row.failed }), { ok: 0, failed: 0 });
  const parts = nouns.map(([dimension, noun]) => {
    const count = new Set((dimension === "city" ? noveltiesIn("geolocations", scope) : valuesIn(dimension, scope)).map((row) => row.value)).size;
    return el("span", { "data-count": dimension }, `${plural(count, noun)}${restIn(dimension, scope).first !== null ? " or more" : ""}`);
  });
  document.getElementById("scope-counts").replaceChildren(
    el("b", { "data-count": "calls", "data-ok": calls.ok, "data-failed": calls.failed }, `${plural(calls.ok + calls.failed, "call")}, ${numberOf(calls.failed)} failed`), " ",
    ...parts.flatMap((part) => [" · ", part]));
}

// Originals stay as they were made, evidence and all; what follows a changed scope stands in their place.
function drawPanels(scope, isOriginal) {
  for (const each of document.querySelectorAll("[data-follow]")) each.hidden = isOriginal;
  for (const each of document.querySelectorAll("[data-original]")) each.hidden = !isOriginal;
  drawCounts(scope);
  if (isOriginal) {
    for (const { host, original } of marks.values()) host.replaceChildren(...original);
    if (places) places.replaceChildren(...originalPlaces);
    return;
  }
  for (const panel of Object.keys(PANELS)) {
    const rows = drawNovelty(panel, scope);
    if (panel === "geolocations" && places) drawPlaces(rows);
  }
  drawIncreased(scope);
}
