// Shows pictures as they come. Without it the page works too: reload it.
"use strict";

const FIRST_PAUSE = 400, LONGEST_PAUSE = 3000; // milliseconds between two looks
const main = document.getElementById("pictures");
const status = document.getElementById("status");
const gallery = document.getElementById("gallery");
const failures = document.getElementById("failures");

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function card(picture) {
  const image = element("img", { src: picture.url, alt: `A dog of the breed ${picture.breed}`, loading: "lazy" });
  return element("li", {}, element("a", { href: picture.url }, image, element("span", {}, picture.breed)));
}

function coming(count) {
  gallery.querySelectorAll(".coming").forEach((each) => each.remove());
  for (let i = 0; i < count; i++) {
    const place = element("li", { className: "coming" });
    place.setAttribute("aria-hidden", "true");
    gallery.prepend(place);
  }
}

function say(text) {
  if (status.textContent.trim() !== text) status.textContent = text; // a screen reader reads each change
}

function show(seen) {
  const focused = gallery.contains(document.activeElement) ? document.activeElement.href : null;
  if (seen.pictures.length !== Number(main.dataset.pictures)) {
    gallery.replaceChildren(...seen.pictures.map(card));
    main.dataset.pictures = seen.pictures.length;
    if (focused) [...gallery.querySelectorAll("a")].find((link) => link.href === focused)?.focus();
  }
  failures.replaceChildren(...seen.failed.map((sentence) => element("li", {}, sentence)));
  coming(seen.waiting);
  main.dataset.waiting = seen.waiting;
  const count = seen.pictures.length;
  if (seen.waiting) say("Fetching pictures…");
  else say(count ? `${count} picture${count > 1 ? "s" : ""}` : "No pictures yet. Pick a breed to begin.");
}

async function follow() {
  let pause = FIRST_PAUSE;
  while (Number(main.dataset.waiting) > 0) {
    await new Promise((wake) => setTimeout(wake, pause));
    pause = Math.min(pause * 1.3, LONGEST_PAUSE);
    try {
      const answer = await fetch("/pictures", { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      show(await answer.json());
    } catch {
      say("The pictures cannot be reached at the moment; trying again.");
    }
  }
}

coming(Number(main.dataset.waiting));
follow();
