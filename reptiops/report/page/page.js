"use strict";
// Everything works without this but the search: it only hides rows, marks where one is, and switches light and dark.
(() => {
  const LIMIT = 300;
  const by = (id) => document.getElementById(id);
  const rows = [...document.querySelectorAll(".resources tbody tr")];
  const texts = rows.map((row) => `${row.textContent} ${row.querySelector("code").title}`.toLowerCase());
  let all = rows.length <= LIMIT;

  function filter() {
    const words = by("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const phase = by("phase").value, state = by("state").value;
    let found = 0;
    rows.forEach((row, i) => {
      const fits = (!phase || row.dataset.phase === phase) && (!state || row.dataset.state === state) &&
        words.every((word) => texts[i].includes(word));
      found += fits ? 1 : 0;
      row.hidden = !fits || (!all && found > LIMIT);
    });
    const shown = all ? found : Math.min(found, LIMIT);
    by("count").textContent = shown === found ? `${found} of ${rows.length} resources` :
      `the first ${shown} of ${found} that fit`;
    by("more").hidden = shown === found;
    by("more").textContent = `Show all ${found}`;
  }

  function reveal() {
    const row = location.hash.startsWith("#r-") && by(location.hash.slice(1));
    if (!row) return;
    by("search").value = ""; by("phase").value = ""; by("state").value = "";
    filter();
    row.hidden = false;
    document.querySelectorAll("tr.found").forEach((one) => one.classList.remove("found"));
    row.classList.add("found");
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "center" });
  }

  document.querySelector(".search").hidden = false;
  ["search", "phase", "state"].forEach((id) => by(id).addEventListener("input", filter));
  by("more").addEventListener("click", () => { all = true; filter(); });
  addEventListener("hashchange", reveal);
  const why = document.querySelector(".why");
  let open = false;
  addEventListener("beforeprint", () => {
    rows.forEach((row) => { row.hidden = false; });
    if (why) { open = why.open; why.open = true; }
  });
  addEventListener("afterprint", () => {
    filter();
    if (why) why.open = open;
  });
  addEventListener("keydown", (event) => {
    const typing = /INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); by("search").focus(); }
  });
  filter();
  reveal();

  const root = document.documentElement, theme = by("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
    const link = links.get(entry.target.id);
    if (entry.isIntersecting) {
      links.forEach((one) => one.removeAttribute("aria-current"));
      link.setAttribute("aria-current", "true");
    }
  }), { rootMargin: "-15% 0px -75% 0px" });
  document.querySelectorAll("section").forEach((section) => seen.observe(section));
})();
