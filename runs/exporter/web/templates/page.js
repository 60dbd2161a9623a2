// Times in the reader's zone, UTC beside; and pages of what goes on renew themselves. Without scripts, times are in UTC, and the whole page loads anew.
"use strict";

const two = number => String(number).padStart(2, "0");

// The local time, written as the page writes the time in UTC: 2026-11-27 10:00:00, 11-27 10:00 or 10:00:00.
const local = (date, utc) => {
  const days = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())];
  const hours = [two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())];
  const [first, second] = utc.replace(" UTC", "").split(" ");
  const day = second === undefined ? "" : days.slice(3 - first.split("-").length).join("-") + " ";
  return day + hours.slice(0, (second ?? first).split(":").length).join(":");
};

const localise = root => {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const date = new Date(each.dateTime);
    if (Number.isNaN(date.getTime()) || date.getTimezoneOffset() === 0 || each.querySelector(".utc")) continue;
    const utc = document.createElement("span");
    utc.className = "utc";
    utc.textContent = each.textContent;
    each.replaceChildren(local(date, each.textContent) + " ", utc);
  }
};

// Without an offset: that of a zone is another one in summer.
const zone = () => {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (name && !/^(Etc\/)?(UTC|GMT|Universal|Zulu)$/.test(name))
    document.getElementById("zone").textContent = `times in your zone (${name}), and in UTC`;
};

const busy = shown => {
  const chosen = document.getSelection();
  return document.hidden || (chosen !== null && !chosen.isCollapsed && shown.contains(chosen.anchorNode));
};

// Replaces what is shown by what the page says now; keeps what the reader has opened and scrolled.
const show = (shown, fresh) => {
  const places = [...shown.querySelectorAll(".scroll, .log")].map(each => [each.scrollLeft, each.scrollTop]);
  const opened = new Map([...shown.querySelectorAll("details[id]")].map(each => [each.id, each.open]));
  const focused = [...shown.querySelectorAll("a, summary, [tabindex]")].indexOf(document.activeElement);
  localise(fresh);
  for (const each of fresh.querySelectorAll("details[id]")) if (opened.has(each.id)) each.open = opened.get(each.id);
  shown.replaceChildren(...fresh.childNodes);
  [...shown.querySelectorAll(".scroll, .log")].forEach((each, number) => {
    if (places[number]) [each.scrollLeft, each.scrollTop] = places[number];
  });
  if (focused >= 0) [...shown.querySelectorAll("a, summary, [tabindex]")][focused]?.focus({preventScroll: true});
};

const renew = async () => {
  const main = document.querySelector("main[data-renew]");
  const shown = document.querySelector(".renewed");
  if (main === null || shown === null) return;
  let seconds = Number(main.dataset.renew);
  if (!busy(shown)) {
    try {
      const answer = await fetch(location.pathname + location.search, {cache: "no-store"});
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector(".renewed");
      // A run that could not be found has come: its page has more than this one.
      if (answer.ok && fresh !== null) {
        document.title = page.title;
        show(shown, document.importNode(fresh, true));
        seconds = Number(page.querySelector("main").dataset.renew ?? 0);
        if (seconds) main.dataset.renew = seconds; else delete main.dataset.renew;
      }
    } catch {
      // Whoever serves the page is away for a moment: what is shown stays.
    }
  }
  if (seconds) setTimeout(renew, 1000 * seconds);
};

localise(document);
zone();
const seconds = Number(document.querySelector("main")?.dataset.renew ?? 0);
if (seconds) setTimeout(renew, 1000 * seconds);
