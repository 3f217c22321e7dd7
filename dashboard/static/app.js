// Behaviour that pages have with scripts: follow changes, copy, check a name, and show times in the reader's time zone.
"use strict";

const body = document.body;

// Prepares elements that the server has just rendered.
function prepare(root) {
  for (const button of root.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.type = "button";
  }

  const exact = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "long" });
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = exact.format(at);
    if ("clock" in time.dataset) time.textContent = clock.format(at);
  }
  const hour = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
  for (const each of root.querySelectorAll("[data-utc-hour]")) {
    const at = new Date();
    at.setUTCHours(Number(each.dataset.utcHour), 0, 0, 0);
    each.textContent = hour.format(at);
  }
  age(root);
}

// Relative times, updated because a page may be open for hours.
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
function age(root) {
  const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  for (const time of root.querySelectorAll("time[datetime]:not([data-clock])")) {
    const seconds = (new Date(time.dateTime).getTime() - Date.now()) / 1000;
    if (Number.isNaN(seconds)) continue;
    const expected = time.closest("[data-overdue]");
    if (expected && seconds <= 0) { expected.textContent = expected.dataset.overdue; continue; }
    const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS.at(-1);
    time.textContent = relative.format(Math.round(seconds / length), unit);
  }
}

// The delay before retrying what the server had no capacity or time for.
const AGAIN_MILLISECONDS = 10000;

// null if it no longer exists, undefined if it is unavailable now.
async function fragment(url) {
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (answer.status === 429 || answer.status >= 500) return undefined;
  if (!answer.ok || answer.redirected) return null;
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content;
}

// Whether the reader is using a part of the page: what they typed, or an error they have to read, is not replaced.
function inUse(part) {
  if (part.querySelector("[role=alert], [aria-invalid], #password")) return true;
  if (part.querySelector("details.confirm[open], [data-copied]")) return true;
  const focused = part.contains(document.activeElement) && document.activeElement.matches("input, select");
  const changed = (each) => each.matches("select")
    ? [...each.options].some((option) => option.selected !== option.defaultSelected)
    : each.type === "radio" ? each.checked !== each.defaultChecked
    : each.type !== "hidden" && each.value !== each.defaultValue;
  return focused || [...part.querySelectorAll("input, select")].some(changed);
}

// Replaces the parts of the page that differ from a freshly loaded one.
function replaceParts(fresh) {
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (!old || inUse(old)) continue;
    for (const each of part.querySelectorAll("details[id]")) {
      each.open = document.getElementById(each.id)?.open ?? each.open;
    }
    prepare(part);
    if (sameButForms(old) === sameButForms(part)) continue;
    const focused = old.contains(document.activeElement) ? pathTo(document.activeElement) : "";
    old.replaceWith(part);
    if (focused) part.querySelector(focused)?.focus();
  }
}

// Attributes that differ in each page without meaning: a form's secret, and relative times.
function sameButForms(part) {
  const copy = part.cloneNode(true);
  for (const each of copy.querySelectorAll("input[type=hidden]")) each.remove();
  for (const each of copy.querySelectorAll("time")) { each.textContent = ""; each.removeAttribute("title"); }
  return copy.innerHTML;
}

function pathTo(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const action = element.closest("form")?.getAttribute("action");
  return action ? `form[action="${CSS.escape(action)}"] button` : "";
}

// One request at a time for each part, and the newest wins: a store that changes often is read once more, not for each
// change.
const busy = new Map();
async function refresh(key, url, put) {
  if (busy.has(key)) { busy.set(key, true); return; }
  busy.set(key, false);
  const fresh = await fragment(url).catch(() => undefined);
  if (fresh === undefined) {
    await new Promise((done) => setTimeout(done, AGAIN_MILLISECONDS));
    busy.set(key, true);
  }
  if (fresh) put(fresh);
  const again = busy.get(key);
  busy.delete(key);
  if (again) refresh(key, url, put);
}

// A screen reader announces what changed, not each update.
function announce(name, before, after) {
  const [old, now] = [before, after].map((each) => each.querySelector(".phase").textContent.trim());
  if (old !== now) document.getElementById("announcement").textContent = `${name}: ${now}`;
}

function putRow(name, place) {
  return (fresh) => {
    const [row, old] = [fresh.firstElementChild, place()];
    if (!old) return;
    prepare(row);
    announce(name, old, row);
    old.replaceWith(row);
  };
}

function putPage(name) {
  return (fresh) => {
    announce(name, document.getElementById("headline"), fresh.querySelector("#headline"));
    replaceParts(fresh);
  };
}

function follow() {
  const table = document.querySelector("table.stores");
  const head = document.querySelector(".head[data-store]");
  if (!body.dataset.changes || !(table || head)) return;
  listen(table, head);
  // Parts appear and disappear without a change of the store.
  if (head) setInterval(() => { if (!document.hidden) refreshPage(head); }, MINUTE_MILLISECONDS);
}

const MINUTE_MILLISECONDS = 60000;
function refreshPage(head) {
  refresh("page", head.dataset.page, putPage(head.dataset.store));
}

// The stream resumes from the page's version, or from its last event, so no change is missed. If the server has no
// capacity for another stream, the browser takes the refusal as final, so it is opened again later.
function listen(table, head) {
  const shown = head?.dataset.store;
  const lost = document.getElementById("connection");
  const source = new EventSource(body.dataset.changes);
  const row = (name) => table?.querySelector(`tr[data-store="${CSS.escape(name)}"]`);
  const update = (name) => {
    if (row(name)) {
      const url = table.dataset.row.replace("NAME", encodeURIComponent(name));
      refresh(`row ${name}`, url, putRow(name, () => row(name)));
    } else if (shown === name) {
      refreshPage(head);
    }
  };
  const updateAll = () => {
    if (shown) update(shown);
    for (const each of table?.querySelectorAll("tbody tr[data-store]") ?? []) update(each.dataset.store);
  };
  source.addEventListener("store", (event) => update(JSON.parse(event.data).name));
  source.addEventListener("gone", (event) => {
    const { name } = JSON.parse(event.data);
    row(name)?.remove();
    if (shown === name) location.assign("/");
  });
  source.addEventListener("reset", updateAll);
  source.addEventListener("error", () => {
    lost.textContent = body.dataset.lost;
    lost.hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(table, head), AGAIN_MILLISECONDS);
  });
  source.addEventListener("open", () => {
    lost.hidden = true;
  });
  addEventListener("pagehide", () => source.close());
}

function copying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const word = button.textContent;
    button.textContent = body.dataset.copied;
    button.dataset.copied = "";
    setTimeout(() => { button.textContent = word; delete button.dataset.copied; }, 1500);
  });
}

function nameCheck() {
  const form = document.querySelector("form[data-name-check]");
  if (!form) return;
  const field = form.elements.name;
  const result = document.getElementById("name-check");
  let waiting;
  const check = () => {
    clearTimeout(waiting);
    result.textContent = "";
    if (!field.value) return;
    waiting = setTimeout(async () => {
      const wanted = field.value;
      const answer = await fetch(`${form.dataset.nameCheck}?name=${encodeURIComponent(wanted)}`).catch(() => null);
      if (answer?.ok && !answer.redirected && field.value === wanted) result.textContent = (await answer.json()).words;
    }, 400);
  };
  field.addEventListener("input", check);
  field.addEventListener("derived", check);
}

function nameFromTitle() {
  const title = document.getElementById("field-shop.title");
  const name = document.getElementById("field-name");
  if (!title || !name) return;
  let own = name.value !== "";
  name.addEventListener("input", () => { own = name.value !== ""; });
  title.addEventListener("input", () => {
    if (own) return;
    name.value = title.value.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/ß/g, "ss").toLowerCase()
      .replace(/[^a-z0-9]+/g, "-").replace(/^-+/, "").slice(0, name.maxLength > 0 ? name.maxLength : 40).replace(/-+$/, "");
    name.dispatchEvent(new CustomEvent("derived"));
  });
}

// While a form is being submitted, submitting it again does nothing; the next page has new forms.
function oncePressed() {
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post" || event.defaultPrevented) return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "sent";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
}

prepare(document);
setInterval(() => age(document), MINUTE_MILLISECONDS / 2);
nameFromTitle();
oncePressed();
follow();
copying();
nameCheck();
