// Everything that is shown goes through here as text: no markup is ever made of data.
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function textOf(text, most = 96) {
  const value = String(text);
  if (value.length <= most) return el("bdi", {}, value);
  return el("details", { class: "long" },
    el("summary", {}, el("bdi", {}, `${value.slice(0, most - 1)}…`), " ", el("small", {}, `${numberOf(value.length)} characters`)),
    el("span", { class: "whole" }, el("bdi", {}, value)));
}

const numberOf = (value) => value.toLocaleString("en-US");
const plural = (count, noun) => `${numberOf(count)} ${noun}${count === 1 ? "" : noun.endsWith("ss") ? "es" : "s"}`;
const callOf = (api) => api.slice(api.indexOf(":") + 1);
const serviceOf = (api) => (api.includes(":") ? api.slice(0, api.indexOf(":")).replace(/\.amazonaws\.com$/, "") : "");
const apiOf = (api) => [el("span", { class: "api" }, textOf(callOf(api))), " ", el("span", { class: "quiet" }, serviceOf(api))];

// Hours since hour 0 as text: `2026-05-01T10` in links, `2026-05-01 10:00` to read.
const isoOf = (hour) => new Date((data.start + hour) * 3600000).toISOString();
const hourOf = (hour) => isoOf(hour).slice(0, 16).replace("T", " ");
const hourIn = (text) => {
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d)(?::00(?::00)?)?Z?$/.exec((text ?? "").trim());
  const at = parts ? Date.parse(`${parts[1]}T${parts[2]}:00:00Z`) : NaN;
  return Number.isNaN(at) ? null : at / 3600000 - data.start;
};

function table(caption, columns, rows) {
  return el("div", { class: "wide" }, el("table", {}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, columns.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
    el("tbody", {}, rows)));
}

const nothing = (text) => el("p", { class: "empty" }, text);
const number = (value, isBad = false) => el("td", { class: isBad ? "num bad" : "num" }, numberOf(value));
const counts = (row) => [number(row.ok), number(row.failed, row.failed > 0)];

// What scrolls can be reached by keyboard, and has a name; what does not is no stop on the way. All is measured before any of it
// is changed: a change between two measurements would lay the page out anew.
function makeReachable(hosts) {
  const isScrolling = (host) => host.scrollWidth > host.clientWidth + 1 || host.scrollHeight > host.clientHeight + 1;
  for (const [host, scrolls] of [...hosts].map((each) => [each, isScrolling(each)])) {
    const label = host.querySelector("caption, figcaption")?.textContent.trim().slice(0, 100) ?? "Chart";
    for (const [name, value] of Object.entries({ tabindex: 0, role: "group", "aria-label": label })) {
      if (scrolls) host.setAttribute(name, value); else host.removeAttribute(name);
    }
  }
}
const sizes = new ResizeObserver((entries) => makeReachable(new Set(entries.map((entry) => entry.target.closest(".wide")).filter(Boolean))));
function watchSizes() {
  sizes.disconnect();
  for (const host of document.querySelectorAll(".wide")) for (const each of [host, host.firstElementChild]) if (each) sizes.observe(each);
}
