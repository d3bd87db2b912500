// The scope: chosen by hours, buttons or on the chart, kept in the address, carried along to profiles.
const byId = (id) => document.getElementById(id);

function start() {
  const original = { from: data.scope[0], to: data.scope[1] };
  const trees = TREES.map(makeTree), [from, to] = [byId("scope-from"), byId("scope-to")];
  let scope = original;
  const isOriginal = () => scope.from === original.from && scope.to === original.to;
  const linkOf = (each) => `#scope=${isoOf(each.from).slice(0, 13)}/${isoOf(each.to).slice(0, 13)}`;

  function change(asked, isKept = true) {
    if (asked.from === null || asked.to === null || asked.from >= asked.to) return tell("A scope has an end after its start, both on a full hour, UTC: 2026-05-01 10:00.", null);
    if (asked.from < 0 || asked.to > data.hours) {
      show();
      return tell(`This page has the hours from ${hourOf(0)} to ${hourOf(data.hours)}. For ${hourOf(asked.from)} to ${hourOf(asked.to)} make it anew:`, asked);
    }
    scope = { from: Math.floor(asked.from), to: Math.floor(asked.to) };
    if (isKept) history.replaceState(null, "", isOriginal() ? location.pathname + location.search : linkOf(scope));
    show();
    const span = `${hourOf(original.from)} to ${hourOf(original.to)}`;
    return tell(isOriginal() ? "" : `Scope changed: the counts, lists, map and chart from here to New behaviour follow; the answers and indicators above are of the original scope, ${span}.`, null);
  }

  function tell(text, asked) {
    byId("scope-message").textContent = text;
    byId("scope-command").hidden = !asked;
    if (asked) byId("scope-command").firstChild.textContent = `${data.command} --from ${isoOf(asked.from).slice(0, 13)} --to ${isoOf(asked.to).slice(0, 13)}`;
  }

  function show() {
    [from.value, to.value] = [hourOf(scope.from), hourOf(scope.to)];
    byId("scope-hours").textContent = numberOf(scope.to - scope.from);
    byId("scope-reset").hidden = isOriginal();
    document.body.classList.toggle("is-changed", !isOriginal());
    drawPanels(scope, isOriginal());
    for (const tree of trees) tree.draw(scope);
    drawRectangle();
    if (chart) scrollToRectangle(chart.closest(".wide"));
    carryAlong();
    watchSizes();
  }

  // Profiles are looked at over the same hours: those with a page by its address, the others by their command.
  function carryAlong() {
    for (const link of document.querySelectorAll("a.profile")) link.hash = linkOf(scope);
    const hours = ` --from ${isoOf(scope.from).slice(0, 13)} --to ${isoOf(scope.to).slice(0, 13)}`;
    for (const button of document.querySelectorAll("#profiles ~ .wide .copy")) {
      const text = button.parentElement.querySelector("code > bdi"), moved = (each) => each.replace(/ --from \S+ --to \S+$/, hours);
      button.dataset.text = moved(button.dataset.text);
      if (text) text.textContent = moved(text.textContent);
    }
  }

  // The chart's own geometry is in its data: hour `first` stands at `left`, each hour is `step` wide.
  const chart = byId("volume-chart"), geometry = chart && { first: +chart.dataset.first, left: +chart.dataset.left, step: +chart.dataset.step };
  function drawRectangle() {
    if (!chart) return;
    const x = (hour) => Math.max(geometry.left, geometry.left + (hour - geometry.first) * geometry.step);
    const rectangle = chart.querySelector("rect.scope"), label = chart.querySelector(".scope-label");
    rectangle.setAttribute("x", x(scope.from) - 1.5);
    rectangle.setAttribute("width", Math.max(4, x(scope.to) - x(scope.from) + 3));
    label.setAttribute("x", (x(scope.from) + x(scope.to)) / 2);
  }

  function scrollToRectangle(wide) {
    const middle = geometry.left + ((scope.from + scope.to) / 2 - geometry.first) * geometry.step;
    wide.scrollLeft = middle / chart.viewBox.baseVal.width * wide.scrollWidth - wide.clientWidth / 2;
  }

  function dragOn(chart) {
    let grip = null;
    const hourAt = (event) => {
      const box = chart.getBoundingClientRect();
      return geometry.first + ((event.clientX - box.left) / box.width * chart.viewBox.baseVal.width - geometry.left) / geometry.step;
    };
    const inside = (hour) => Math.min(data.hours, Math.max(0, hour));
    chart.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || event.button !== 0) return;
      const hour = hourAt(event), edge = 5 / geometry.step, { from: a, to: b } = scope;
      if (hour > a + edge && hour < b - edge) grip = (at) => { const by = Math.max(-a, Math.min(data.hours - b, Math.round(at - hour))); return { from: a + by, to: b + by }; };
      else {
        const fixed = Math.abs(hour - a) <= edge ? b : Math.abs(hour - b) <= edge ? a : Math.floor(hour);
        grip = (at) => ({ from: inside(Math.min(fixed, Math.floor(at))), to: inside(Math.max(fixed, Math.ceil(at), Math.min(fixed, Math.floor(at)) + 1)) });
      }
      chart.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    chart.addEventListener("pointermove", (event) => { if (grip) { scope = grip(hourAt(event)); drawRectangle(); } });
    chart.addEventListener("pointerup", (event) => { if (grip) { const asked = grip(hourAt(event)); grip = null; change(asked); } });
    chart.addEventListener("pointercancel", () => { grip = null; show(); });
  }

  // `#scope=2026-05-01T10/2026-05-01T12`, and with `&to=chain` the place in the page: an anchor alone would lose the scope.
  function read() {
    const parts = new URLSearchParams(location.hash.slice(1)), [start, end] = (parts.get("scope") ?? "").split("/");
    const asked = { from: hourIn(start), to: hourIn(end) };
    change(asked.from === null || asked.to === null ? original : asked, false);
    const target = parts.get("to");
    if (target) goTo(target);
  }
  function goTo(id) {
    const target = byId(id);
    for (const each of document.querySelectorAll(".target")) each.classList.remove("target");
    target?.classList.add("target");
    target?.scrollIntoView();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link || isOriginal()) return;
    event.preventDefault();
    const id = link.getAttribute("href").slice(1);
    history.pushState(null, "", `${linkOf(scope)}&to=${id}`);
    goTo(id);
  });

  byId("trees").replaceChildren(...trees.map((tree) => tree.host));
  byId("trees").hidden = byId("scope").hidden = false;
  byId("flat").open = false;
  for (const field of [from, to]) {
    field.addEventListener("change", () => change({ from: hourIn(from.value), to: hourIn(to.value) }));
    field.addEventListener("keydown", (event) => { // the arrows step by an hour
      const step = { ArrowUp: 1, ArrowDown: -1 }[event.key], end = field === from ? "from" : "to";
      if (!step) return;
      event.preventDefault();
      change({ ...scope, [end]: scope[end] + step });
    });
  }
  for (const button of document.querySelectorAll("[data-widen]")) button.addEventListener("click", () => change({ from: scope.from - +button.dataset.widen, to: scope.to + +button.dataset.widen }));
  for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", () => change({ from: scope.from + +button.dataset.move, to: scope.to + +button.dataset.move }));
  byId("scope-reset").addEventListener("click", () => change(original));
  if (chart) dragOn(chart);
  addEventListener("hashchange", read);
  read();
}

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try { await navigator.clipboard.writeText(button.dataset.text ?? code.textContent); button.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(code); }
  });
}
if (data) start();
watchSizes();
