// Copyright: (c) 2026, the cryptokey.wireguard authors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Search, filters and sorting. Without it the page is as complete.
"use strict";
(() => {
  const byId = id => document.getElementById(id);
  const table = byId("table"), body = table.tBodies[0], controls = byId("controls");
  const fields = ["by-state", "by-network", "by-kind"].map(byId);
  const columns = [1, 2, 3];
  const parts = [...document.querySelectorAll("details.part")];
  const rows = [...body.rows].map((row, place) => ({row, part: parts[place], place, text: ""}));

  // --- search and filters ---

  // While a part is closed it is the text of a noscript, which costs the browser nothing.
  function fill(part) {
    const closed = part.querySelector("noscript");
    closed?.replaceWith(parse(closed.textContent).firstElementChild);
    return part;
  }

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  // The facts of a member, without its peers: otherwise a hub's name would find every key and prefix of its spokes.
  function textOf(each) {
    const closed = each.part.querySelector("noscript");
    const facts = (closed ? parse(closed.textContent) : each.part).querySelectorAll("dd");
    return [...each.row.cells, ...facts].map(cell => cell.textContent).join(" ").toLowerCase();
  }

  const count = number => number.toLocaleString("en");

  let group = "";

  function filter() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = fields.map((field, place) => [columns[place], field.value]).filter(([, value]) => value);
    let hits = 0;
    for (const each of rows) {
      const fits = (!group || each.row.dataset.group === group)
        && wanted.every(([column, value]) => each.row.cells[column].textContent === value)
        && (!words.length || words.every(word => (each.text ||= textOf(each)).includes(word)));
      each.row.hidden = each.part.hidden = !fits;
      hits += fits;
    }
    const all = `${count(rows.length)} ${rows.length === 1 ? "member" : "members"}`;
    byId("hits").value = hits === rows.length ? all : `${count(hits)} of ${all}`;
    byId("none").hidden = hits > 0;
  }

  function show(chosen) {
    byId("search").value = "";
    fields.forEach(field => { field.value = chosen[field.id.slice(3)] ?? ""; });
    group = chosen.group ?? "";
    filter();
  }

  let waiting = 0;
  for (const kind of ["input", "change", "reset"]) {
    controls.addEventListener(kind, () => {
      group = "";
      clearTimeout(waiting);
      waiting = setTimeout(filter, 60);
    });
  }
  controls.addEventListener("submit", event => event.preventDefault());
  for (const link of document.querySelectorAll("a[data-state], a[data-group]")) {
    link.addEventListener("click", () => show(link.dataset));
  }
  document.addEventListener("keydown", event => {
    if (event.key === "/" && !event.target.closest("input, select")) {
      event.preventDefault();
      byId("search").focus();
    }
  });

  // --- sorting ---

  const collator = new Intl.Collator("en", {numeric: true});
  const severity = ["down", "unknown", "expired", "planned", "up"];

  function keyOf(row, column) {
    const cell = row.cells[column];
    return column === 1 ? severity.indexOf(row.className) : cell.dataset.v ? Number(cell.dataset.v) : cell.textContent;
  }

  function sort(header, column) {
    const falling = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const keyed = rows.map(each => [keyOf(each.row, column), each]);
    keyed.sort(([a, first], [b, second]) =>
      ((typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b)) || 0) * (falling ? -1 : 1)
      || first.place - second.place);
    body.append(...keyed.map(([, each]) => each.row));
  }

  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(header, column));
  });

  // --- parts ---

  for (const part of parts) part.addEventListener("toggle", () => part.open && fill(part));

  function openTarget() {
    const part = /^#m\d+$/.test(location.hash) && parts[location.hash.slice(2)];
    if (!part) return;
    if (part.hidden) show({});
    fill(part).open = true;
    part.scrollIntoView({block: "start"});
    part.querySelector("summary").focus({preventScroll: true});
  }
  addEventListener("hashchange", openTarget);
  document.addEventListener("click", event => {
    if (event.target.closest?.(`a[href="${CSS.escape(location.hash)}"]`)) openTarget();
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = parts.filter(part => !part.open);
    closed.forEach(part => { fill(part).open = true; });
  });
  addEventListener("afterprint", () => closed.forEach(part => { part.open = false; }));

  // --- how old the page is ---

  const made = Date.parse(document.querySelector(".made time").dateTime);
  function age() {
    const minutes = Math.floor((Date.now() - made) / 60000);
    const [number, unit] = minutes < 120 ? [minutes, "minute"] : minutes < 2880 ? [Math.floor(minutes / 60), "hour"]
      : [Math.floor(minutes / 1440), "day"];
    byId("stale").textContent = minutes < 1 ? "" : `(${number} ${unit}${number === 1 ? "" : "s"} old)`;
  }
  age();
  setInterval(age, 60000);

  controls.hidden = false;
  filter();
  openTarget();
})();
