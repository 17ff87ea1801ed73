"use strict";
// Everything works without this but the search: it only hides rows, marks where one is, and switches light and dark.
(() => {
  const LIMIT = 300, MORE = 1000;
  const by = (id) => document.getElementById(id);
  const rows = [...document.querySelectorAll(".resources tbody tr")];
  const texts = rows.map((row) => `${row.textContent} ${row.querySelector("code").title}`.toLowerCase());
  let limit = LIMIT;

  function filter() {
    const words = by("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const phase = by("phase").value, state = by("state").value;
    let found = 0;
    rows.forEach((row, i) => {
      const fits = (!phase || row.dataset.phase === phase) && (!state || row.dataset.state === state) &&
        words.every((word) => texts[i].includes(word));
      found += fits ? 1 : 0;
      const hide = !fits || found > limit;
      if (row.hidden !== hide) row.hidden = hide;
    });
    const shown = Math.min(found, limit);
    by("count").textContent = shown === found ? `${found} of ${rows.length} resources` :
      `the first ${shown} of ${found} that fit`;
    by("more").hidden = shown === found;
    by("more").textContent = `Show ${Math.min(MORE, found - shown)} more`;
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
  by("more").addEventListener("click", () => { limit += MORE; filter(); });
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
  const root = document.documentElement, theme = by("theme");
  root.className = "";
  reveal();

  const wide = [...document.querySelectorAll(".scroll")];
  const cue = () => wide.forEach((one) => {
    const over = one.scrollWidth > one.clientWidth + 1;
    one.classList.toggle("over", over);
    if (!over) { one.removeAttribute("tabindex"); one.removeAttribute("role"); return; }
    one.tabIndex = 0;
    one.setAttribute("role", "region");
    one.setAttribute("aria-label", (one.querySelector("caption, title")?.textContent || "Picture") + ", scrolls sideways");
  });
  cue();
  addEventListener("resize", cue);
  document.addEventListener("toggle", cue, true);

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
