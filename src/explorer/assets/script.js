// What pages do beyond what they do without a script: local times, Ctrl-Enter, the queries of this browser, completion of names,
// parts of charts.
"use strict";

const HISTORY_KEY = "fluxstone-queries";
const HISTORY_MAX = 50;
const SUGGESTIONS_MAX = 8;
// Shorter strokes over a chart are clicks.
const SELECTION_MIN = 6;

const WORDS = ("SELECT FROM WHERE GROUP BY ORDER LIMIT OFFSET SLIMIT SOFFSET INTO AS AND OR ASC DESC time fill null none previous linear " +
  "SHOW DATABASES MEASUREMENTS SERIES TAG KEYS FIELD VALUES WITH KEY RETENTION POLICIES CONTINUOUS QUERIES SUBSCRIPTIONS USERS GRANTS " +
  "SHARDS DIAGNOSTICS STATS FOR ON CREATE DATABASE POLICY DURATION REPLICATION SHARD DEFAULT NAME ALTER DROP MEASUREMENT DELETE USER " +
  "PASSWORD PRIVILEGES ALL GRANT REVOKE READ WRITE TO KILL QUERY SUBSCRIPTION DESTINATIONS ANY RESAMPLE EVERY BEGIN END now " +
  "count distinct integral mean median mode spread stddev sum bottom first last max min percentile sample top abs ceiling " +
  "cumulative_sum derivative difference elapsed floor histogram holt_winters moving_average non_negative_derivative").split(" ");

for (const time of document.querySelectorAll("time[datetime]")) {
  const date = new Date(time.dateTime);
  if (!Number.isNaN(date.getTime())) {
    time.textContent = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}

for (const area of document.querySelectorAll("form textarea")) {
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      area.form.requestSubmit();
    }
  });
}

function readHistory() {
  try {
    const texts = JSON.parse(localStorage.getItem(HISTORY_KEY) || "[]");
    return Array.isArray(texts) ? texts.filter((text) => typeof text === "string") : [];
  } catch {
    return [];
  }
}

function remember(text) {
  // Passwords are not kept.
  if (text.trim() === "" || /password/i.test(text)) return;
  try {
    const texts = [text, ...readHistory().filter((other) => other !== text)];
    localStorage.setItem(HISTORY_KEY, JSON.stringify(texts.slice(0, HISTORY_MAX)));
  } catch {
    // Browsers may refuse to store anything.
  }
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// A part of a chart is chosen by drawing over it. It begins and ends at points, so that windows are not cut.
const chart = document.querySelector("svg.chart");
const zoom = document.getElementById("zoom");
if (chart && zoom) {
  const { width, height } = chart.viewBox.baseVal;
  const box = document.createElementNS(chart.namespaceURI, "rect");
  box.setAttribute("class", "selection");
  box.setAttribute("height", height);
  const place = (event) => {
    const { left, width: shown } = chart.getBoundingClientRect();
    return ((event.clientX - left) / shown) * width;
  };
  let begun = null;
  const draw = (event) => {
    const ends = [begun, place(event)].sort((a, b) => a - b);
    box.setAttribute("x", ends[0]);
    box.setAttribute("width", ends[1] - ends[0]);
    return ends;
  };
  const stop = () => {
    begun = null;
    box.remove();
  };
  chart.addEventListener("pointerdown", (event) => {
    // A finger scrolls.
    if (event.button !== 0 || event.pointerType === "touch") return;
    event.preventDefault();
    begun = place(event);
    draw(event);
    chart.append(box);
    if (event.isTrusted) chart.setPointerCapture(event.pointerId);
  });
  chart.addEventListener("pointermove", (event) => {
    if (begun !== null) draw(event);
  });
  chart.addEventListener("pointercancel", stop);
  chart.addEventListener("pointerup", (event) => {
    if (begun === null) return;
    const [from, to] = draw(event);
    stop();
    if (to - from < SELECTION_MIN) return;
    const at = (circle) => circle.cx.baseVal.value;
    const points = [...chart.querySelectorAll("circle")].filter((circle) => at(circle) >= from && at(circle) <= to);
    if (points.length === 0) return;
    points.sort((a, b) => at(a) - at(b));
    // The line before the last of a title is the time.
    const time = (circle) => circle.querySelector("title").textContent.split("\n").at(-2);
    document.getElementById("from").value = time(points[0]);
    document.getElementById("to").value = time(points[points.length - 1]);
    zoom.requestSubmit();
  });
}

const area = document.getElementById("q");
const tools = document.getElementById("script-tools");
if (area && tools) {
  const suggestions = element("div", { className: "row", id: "suggestions" });
  suggestions.setAttribute("aria-label", "Completions");
  suggestions.setAttribute("role", "group");
  const past = element("select", { id: "history" }, element("option", { value: "", textContent: "choose one" }));
  for (const text of readHistory()) {
    past.append(element("option", { value: text, textContent: text.replace(/\s+/g, " ").slice(0, 80) }));
  }
  past.addEventListener("change", () => {
    if (past.value !== "") area.value = past.value;
    area.focus();
  });
  const label = element("label", { htmlFor: "history", textContent: "Earlier queries" });
  const forget = element("button", { type: "button", textContent: "Forget them" });
  forget.addEventListener("click", () => {
    try {
      localStorage.removeItem(HISTORY_KEY);
    } catch {
      // As above.
    }
    past.length = 1;
  });
  tools.append(suggestions, element("div", { className: "row" }, label, past, forget));
  tools.hidden = false;
  area.form.addEventListener("submit", () => remember(area.value));

  let names = [];
  const database = document.getElementById("db");
  const load = async () => {
    names = [];
    if (database.value === "") return;
    try {
      const answer = await fetch(`${area.dataset.names}?db=${encodeURIComponent(database.value)}`);
      if (answer.ok) names = await answer.json();
    } catch {
      // Keywords are left.
    }
    if (document.activeElement === area) suggest();
  };
  database.addEventListener("change", load);
  load();

  const word = () => /["\w.]*$/.exec(area.value.slice(0, area.selectionStart))[0];
  const suggest = () => {
    suggestions.replaceChildren();
    const begun = word();
    const bare = begun.replace(/^"/, "").toLowerCase();
    if (bare === "") return;
    const fits = (text) => text.toLowerCase().replace(/^"/, "").startsWith(bare) && text !== begun;
    for (const text of [...names, ...WORDS].filter(fits).slice(0, SUGGESTIONS_MAX)) {
      const button = element("button", { type: "button", textContent: text });
      button.addEventListener("click", () => {
        const end = area.selectionStart;
        area.setRangeText(text, end - word().length, end, "end");
        suggestions.replaceChildren();
        area.focus();
      });
      suggestions.append(button);
    }
  };
  area.addEventListener("input", suggest);
}
