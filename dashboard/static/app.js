// What the pages do beyond being pages: they follow changes, copy, check a name, and write times in the reader's zone.
"use strict";

const body = document.body;

// What the server has just rendered, for a page with a script.
function prepare(root) {
  for (const button of root.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.type = "button";
  }

  const exact = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "long" });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.title = exact.format(at);
  }
}

// How long until what the server had no place or time for is asked for again.
const AGAIN_MILLISECONDS = 10000;

// null where there is none any more, undefined where it can't be had now.
async function fragment(url) {
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (answer.status === 429 || answer.status >= 500) return undefined;
  if (!answer.ok || answer.redirected) return null;
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content.firstElementChild;
}

// One at a time for each place, and the newest wins: a store that changes often is asked for once more, not for each.
const busy = new Map();
async function refresh(key, url, place) {
  if (busy.has(key)) { busy.set(key, true); return; }
  busy.set(key, false);
  const fresh = await fragment(url).catch(() => undefined);
  if (fresh === undefined) {
    await new Promise((done) => setTimeout(done, AGAIN_MILLISECONDS));
    busy.set(key, true);
  }
  const old = place();
  if (fresh && old) {
    prepare(fresh);
    const state = fresh.querySelector(".phase").textContent.trim();
    const changed = state !== old.querySelector(".phase").textContent.trim();
    old.replaceWith(fresh);
    // A reader who hears the page is told what changed, and not each time something was looked at.
    if (changed) document.getElementById("told").textContent = `${fresh.dataset.store}: ${state}`;
  }
  const again = busy.get(key);
  busy.delete(key);
  if (again) refresh(key, url, place);
}

function follow() {
  const table = document.querySelector("table.stores");
  const shown = document.querySelector(".head[data-store]")?.dataset.store;
  if (!body.dataset.changes || !(table || shown)) return;
  listen(table, shown);
}

// The stream goes on from what the page was made of, or from its last event, so nothing in between is missed. A server
// that has no place for one refuses it, which a browser takes as the end: then it is asked again later.
function listen(table, shown) {
  const headline = () => document.getElementById("headline");
  const lost = document.getElementById("connection");
  const source = new EventSource(body.dataset.changes);
  const row = (name) => table?.querySelector(`tr[data-store="${CSS.escape(name)}"]`);
  const update = (name) => {
    if (row(name)) {
      refresh(`row ${name}`, table.dataset.row.replace("NAME", encodeURIComponent(name)), () => row(name));
    } else if (shown === name && headline()) {
      refresh("headline", headline().dataset.headline, headline);
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
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(table, shown), AGAIN_MILLISECONDS);
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
    setTimeout(() => { button.textContent = word; }, 1500);
  });
}

function nameCheck() {
  const form = document.querySelector("form[data-name-check]");
  if (!form) return;
  const field = form.elements.name;
  const told = document.getElementById("name-check");
  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    told.textContent = "";
    if (!field.value) return;
    waiting = setTimeout(async () => {
      const wanted = field.value;
      const answer = await fetch(`${form.dataset.nameCheck}?name=${encodeURIComponent(wanted)}`).catch(() => null);
      if (answer?.ok && !answer.redirected && field.value === wanted) told.textContent = (await answer.json()).words;
    }, 400);
  });
}

prepare(document);
follow();
copying();
nameCheck();
