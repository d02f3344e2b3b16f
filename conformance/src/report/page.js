"use strict";
// The filters, kept in the address so that a view can be passed on, and the links to cases, which open them.
const form = document.getElementById("filter");
const count = document.getElementById("count");
const cases = [...document.querySelectorAll("details.case")].map((element) => ({
  element,
  area: element.dataset.area,
  claim: element.dataset.claim,
  verdicts: element.dataset.verdicts.split(","),
  text: null,
}));
const byId = new Map(cases.map((item) => [item.element.id, item]));
const rows = [...document.querySelectorAll("tr[data-cases]")].map((element) => ({
  element,
  items: element.dataset.cases.split(" ").map((id) => byId.get("case-" + id)).filter(Boolean),
}));

function matches(item, wanted) {
  if (wanted.area && item.area !== wanted.area) return false;
  if (wanted.claim && item.claim !== wanted.claim) return false;
  if (wanted.verdict && !item.verdicts.includes(wanted.verdict)) return false;
  if (!wanted.text) return true;
  item.text ??= item.element.textContent.toLowerCase();
  return wanted.text.toLowerCase().split(/\s+/).every((word) => item.text.includes(word));
}

function apply() {
  const wanted = Object.fromEntries(new FormData(form));
  let shown = 0;
  for (const item of cases) {
    item.isShown = matches(item, wanted);
    item.element.hidden = !item.isShown;
    if (item.isShown) shown += 1;
  }
  for (const row of rows) row.element.hidden = !row.items.some((item) => item.isShown);
  for (const body of document.querySelectorAll("tbody")) body.hidden = !body.querySelector("tr[data-cases]:not([hidden])");
  count.textContent = shown + " of " + cases.length + " cases";
}

function open(id) {
  const element = document.getElementById(id);
  if (!element) return;
  if (element.hidden || element.closest("[hidden]")) {
    form.reset();
    apply();
  }
  const details = element.matches("details") ? element : element.querySelector("details");
  if (details) details.open = true;
  element.scrollIntoView();
}

// A clause is in the page once; its cases get a copy of its text when they are opened.
function fill(element) {
  for (const copy of element.querySelectorAll("pre[data-clause]:empty")) {
    const clause = document.getElementById("clause-" + copy.dataset.clause);
    copy.textContent = clause?.querySelector("pre")?.textContent ?? "";
  }
}

function follow() {
  const hash = decodeURIComponent(location.hash.slice(1));
  if (/^(case|clause)-/.test(hash)) return open(hash);
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const control of form.elements) if (control.name) control.value = wanted.get(control.name) ?? "";
  apply();
}

form.addEventListener("input", () => {
  apply();
  const wanted = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(null, "", "#" + new URLSearchParams(wanted));
});
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", follow);
addEventListener("toggle", (event) => event.target.matches("details.case") && fill(event.target), true);
apply();
follow();
form.hidden = false;
