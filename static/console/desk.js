// The live dashboard. State comes from /ws/status; whatever cannot be proved fresh is STALE and may not be acted on.
import { tickTimes } from "./page.js";

const STALE_AFTER_MS = 10000;
const REFRESH_EVERY_MS = 5000;
const REFRESH_GAP_MS = 400;
const RETRY_MS = [250, 500, 1000, 2000, 4000];

const body = document.body;
const stale = document.getElementById("stale");
const toast = document.getElementById("toast");
let socket = null;
let seq = null;
let heardAt = 0;
let failures = 0;
let refreshing = false;
let wanted = false;
let refreshedAt = 0;

/* ---- staleness ---- */

function setLink(state) {
  if (body.dataset.link === state) return;
  body.dataset.link = state;
  stale.hidden = state !== "stale";
  document.getElementById("link-text").textContent = state === "live" ? "live" : state === "stale" ? "STALE" : "connecting";
  guardControls();
}

function guardControls() {
  const off = body.dataset.link !== "live";
  for (const set of document.querySelectorAll("fieldset[data-control]")) set.disabled = off || set.hasAttribute("data-off");
}

function watch() {
  const silence = Date.now() - heardAt;
  if (silence > STALE_AFTER_MS) setLink("stale");
  // A socket that is open and says nothing is as good as none: begin again.
  if (silence > STALE_AFTER_MS && socket?.readyState === WebSocket.OPEN) socket.close();
}

/* ---- socket ---- */

function connect() {
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  seq = null;
  socket = new WebSocket(`${scheme}://${window.location.host}/ws/status`);
  socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  socket.addEventListener("close", (event) => lost(event.code));
}

function lost(code) {
  setLink("stale");
  if (code === 4401) {
    // The role, the session or the token ended: what is shown may no longer be looked at.
    window.location.assign("/ui/login?next=/ui/dashboard");
    return;
  }
  const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
  failures += 1;
  window.setTimeout(connect, wait);
}

function hear(message) {
  if (message.type === "unreadable") {
    setLink("stale");
    return;
  }
  const gap = message.type === "change" ? message.seq !== seq + 1 : message.type === "heartbeat" && message.seq !== seq;
  if (seq !== null && gap) {
    socket.close();
    return;
  }
  seq = message.seq;
  heardAt = Date.now();
  failures = 0;
  if (message.type !== "heartbeat") {
    show(message.status);
    refresh();
  }
  setLink("live");
}

/* ---- what changes at once, before the sections are fetched again ---- */

function show(status) {
  const banner = document.getElementById("banner");
  banner.dataset.state = status.state;
  document.getElementById("line").textContent = status.line;
  document.getElementById("state").textContent = status.state_label;
  document.title = `${status.state_label} · PropBot`;
  for (const node of document.querySelectorAll("[data-flag]")) node.hidden = !status.badges.includes(node.dataset.flag);
}

/* ---- sections ---- */

async function refresh() {
  wanted = true;
  if (refreshing) return;
  refreshing = true;
  while (wanted) {
    wanted = false;
    await pause(Math.max(0, refreshedAt + REFRESH_GAP_MS - Date.now()));
    await fetchSections();
    refreshedAt = Date.now();
  }
  refreshing = false;
}

function pause(ms) {
  return new Promise((done) => window.setTimeout(done, ms));
}

async function fetchSections() {
  let answer;
  try {
    answer = await fetch("/ui/dashboard/sections", { headers: { Accept: "text/html" }, redirect: "manual" });
  } catch {
    return; // The socket notices by itself when the desk is away.
  }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const section of fresh.querySelectorAll("[data-live]")) swap(section);
  const line = fresh.getElementById("line");
  if (line && body.dataset.link === "live") document.getElementById("line").textContent = line.textContent;
  guardControls();
  tickTimes();
}

function swap(fresh) {
  const old = document.querySelector(`[data-live="${fresh.dataset.live}"]`);
  if (!old || busy(old)) return;
  const open = new Set([...old.querySelectorAll("details[open]")].map((node) => node.dataset.key));
  for (const node of fresh.querySelectorAll("details")) if (open.has(node.dataset.key)) node.open = true;
  if (said(old) !== said(fresh)) old.replaceChildren(...fresh.childNodes);
}

// What a section says: its form tokens are masked anew in each answer, and times are counted by the page itself.
function said(section) {
  const copy = section.cloneNode(true);
  for (const node of copy.querySelectorAll("[name=csrfmiddlewaretoken]")) node.remove();
  for (const node of copy.querySelectorAll("time")) node.textContent = "";
  return copy.innerHTML;
}

// A section that somebody is typing into, or pressing a button of, keeps still: no click may fall between two versions.
function busy(section) {
  if (section.querySelector(":active")) return true;
  if (section.contains(document.activeElement) && document.activeElement.matches("input, select")) return true;
  return [...section.querySelectorAll("input")].some((input) => input.type !== "hidden" && input.value !== input.defaultValue);
}

/* ---- forms ---- */

function say(text, good) {
  toast.textContent = text;
  toast.className = `toast ${good ? "is-good" : "is-bad"}`;
  toast.hidden = false;
}

async function post(form, button) {
  const data = new FormData(form);
  if (button?.name) data.set(button.name, button.value);
  const answer = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "application/json" } });
  let text = `The desk answered ${answer.status}.`;
  try {
    text = (await answer.json()).message || text;
  } catch {
    /* an answer without JSON keeps the plain sentence */
  }
  say(text, answer.ok);
  if (answer.ok) form.reset();
  document.activeElement?.blur();
  await refresh();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-post]")) return;
  event.preventDefault();
  if (form.dataset.ask && !window.confirm(form.dataset.ask)) return;
  post(form, event.submitter).catch(() => say("The desk could not be reached: nothing was confirmed.", false));
});

heardAt = Date.now();
guardControls();
connect();
window.setInterval(watch, 500);
window.setInterval(() => {
  if (!document.hidden) refresh();
}, REFRESH_EVERY_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
