// The panel of one section's picture: caption, alternative text, search, candidates, upload, remove. A side panel on a wide screen, a
// sheet at the bottom on a narrow one. It holds no article of its own: every change is asked of Python and comes back.

const SHEET = window.matchMedia("(max-width: 860px)"); // as in article.css

function makeInspector({ texts, ask, work, upload, say, wait, placing }) {
  let section = null;
  let opener = () => null; // what gets the focus when the panel closes
  let focus = { x: 0.5, y: 0.5 }; // of the picture: what a crop leaves in sight
  let target = ""; // id of the section that a file is being chosen for
  let pressed = null; // what had the focus when the picture was moved, or candidates were asked for: {node, id, seeking}

  const heading = make("h2", { class: "xc-panel-title", id: "xc-panel-title" });
  const close = button("", "close", () => shut(), { class: "xc-quiet", bare: true });
  const caption = make("textarea", { id: "xc-caption", rows: 2, class: "xc-field", dir: "auto", maxlength: "500" });
  const captionLabel = make("label", { for: "xc-caption", class: "xc-label" });
  const alt = make("textarea", { id: "xc-alt", rows: 2, class: "xc-field", dir: "auto", maxlength: "500" });
  const altLabel = make("label", { for: "xc-alt", class: "xc-label" });
  const query = make("input", { id: "xc-query", type: "text", class: "xc-field", dir: "auto", maxlength: "500" });
  const queryLabel = make("label", { for: "xc-query", class: "xc-label" });
  const search = button("", "search", () => find(), { class: "xc-button xc-primary" });
  const large = make("div", { class: "xc-large" });
  const facts = make("p", { class: "xc-facts" });
  const why = make("details", { class: "xc-why", hidden: true });
  const changedLine = make("p", {});
  const renew = button("", "again", () => {
    seek();
    work("propose", { id: section.id });
  }, { class: "xc-button xc-renew" });
  const fits = button("", "check", () => {
    ask("still_fits", { id: section.id });
    grid.querySelector("[aria-pressed=true]")?.focus({ preventScroll: true }); // this button goes
  }, { class: "xc-button xc-still-fits" });
  const changed = make("div", { class: "xc-changed", hidden: true }, changedLine, make("div", { class: "xc-row" }, renew, fits));
  const widthLabel = make("p", { class: "xc-label", id: "xc-width-label" });
  const widths = ["half", "column", "full"].map((name) => button("", "", () => ask("width", { id: section.id, width: name }), { class: "xc-button", "data-width": name }));
  const widthRow = make("div", { class: "xc-joined xc-widths", role: "group", "aria-labelledby": "xc-width-label" }, ...widths);
  const cropLabel = make("p", { class: "xc-label", id: "xc-crop-label" });
  const ratios = ["1:1", "4:3", "3:2", "16:9", "3:4"].map((ratio) => make("button", { type: "button", class: "xc-button", text: ratio, onclick: () => ask("crop", { id: section.id, ratio, ...focus }) }));
  const cropRow = make("div", { class: "xc-joined xc-widths xc-ratios", role: "group", "aria-labelledby": "xc-crop-label" }, ...ratios);
  const gridLabel = make("p", { class: "xc-label", id: "xc-grid-label", role: "status" });
  const grid = make("div", { class: "xc-grid", role: "group", "aria-labelledby": "xc-grid-label" });
  const file = make("input", { type: "file", accept: "image/*", class: "xc-file", tabindex: "-1", "aria-hidden": "true" });
  const own = button("", "upload", () => pick(section), { class: "xc-button" });
  const up = button("", "up", () => move(-1), { class: "xc-button xc-picture-up" });
  const down = button("", "down", () => move(1), { class: "xc-button xc-picture-down" });
  const remove = button("", "trash", () => ask("remove", { id: section.id }), { class: "xc-button xc-danger" });
  const panel = make(
    "section",
    { class: "xc-panel", role: "dialog", "aria-labelledby": "xc-panel-title", hidden: true },
    make("header", { class: "xc-panel-head" }, heading, close),
    large,
    facts,
    why,
    changed,
    captionLabel,
    caption,
    altLabel,
    alt,
    widthLabel,
    widthRow,
    cropLabel,
    cropRow,
    queryLabel,
    make("div", { class: "xc-row xc-seek-row" }, query, search),
    gridLabel,
    grid,
    make("div", { class: "xc-row xc-panel-foot" }, own, up, down, remove, file),
  );

  function find() {
    const wanted = query.value.trim();
    if (!wanted) {
      say(texts("empty_query"));
      query.focus();
      return;
    }
    seek();
    work("search", { id: section.id, query: wanted });
  }

  // Another section has the picture then: this panel shuts and opens again.
  function move(step) {
    pressed = { node: document.activeElement, id: placing.neighbour(section.id, step), seeking: false };
    placing.move(section.id, step, true);
  }

  function seek() {
    pressed = { node: document.activeElement, id: section.id, seeking: true }; // a button that waits has no focus
    setBusy("searching");
  }

  const entered = (field, act) => field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    act();
  });
  const commit = () => {
    const text = caption.value.trim();
    if (section && section.picture && text !== section.picture.caption) ask("caption", { id: section.id, caption: text });
  };
  entered(query, find);
  entered(caption, commit);
  caption.addEventListener("change", commit);
  alt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault(); // it is one line
      alt.blur();
    }
  });
  alt.addEventListener("change", () => {
    const text = alt.value.trim();
    if (section && section.picture && text !== described(section.picture)) ask("alt", { id: section.id, alt: text });
  });
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const chosen = file.files[0];
    const id = target; // another panel may be open when the file has arrived
    file.value = "";
    if (panel.hidden) wait(id, texts("uploading"));
    setBusy("uploading");
    try {
      const { path } = await upload(chosen);
      const shown = !panel.hidden && section.id === id;
      ask("upload", { id, path, caption: shown ? caption.value.trim() : "" });
    } catch {
      wait(id);
      setBusy("");
      say(texts("bad_upload"));
    }
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && shut());

  // The alternative text; empty where the caption stands for it.
  function described(picture) {
    return picture.alt === picture.caption ? "" : picture.alt;
  }

  // what: key of the words for what is being waited for; empty when nothing is.
  function setBusy(what) {
    panel.classList.toggle("xc-busy", Boolean(what));
    search.disabled = own.disabled = renew.disabled = Boolean(what);
    gridLabel.textContent = texts(what || "candidates");
    gridLabel.hidden = !what && grid.children.length === 0;
  }

  // Whether the model said how well a picture fits.
  function wasAsked(one) {
    return typeof one.evidence?.yes === "number";
  }

  // byModel: the model was asked about some of them; how likely the others fit, by their words alone, is another measure
  function candidate(one, chosen, byModel) {
    const judged = byModel && !wasAsked(one) ? null : one.fit ?? one.share ?? null; // how well it fits, or its share among the candidates
    const share = judged === null ? null : Math.round(judged * 100);
    const name = one.caption || texts("own");
    const words = one.fit === null || one.fit === undefined ? texts("share") : texts(one.fits ? "fits" : "perhaps");
    const label = share === null ? name : `${name}, ${words} ${share} %`;
    const card = make(
      "button",
      {
        type: "button",
        class: `xc-candidate${one.drawing ? " xc-drawing" : ""}`,
        "aria-pressed": chosen ? "true" : "false",
        "aria-label": label,
        title: label,
        onclick: () => ask("choose", { id: section.id, picture: one.id }),
      },
      make("img", { src: address(one.src), alt: "", loading: "lazy" }),
      make("span", { class: "xc-candidate-name", dir: "auto", text: name }),
    );
    if (share !== null) {
      const bar = make("span", { class: "xc-share" }, make("i", {}));
      bar.firstChild.style.width = `${Math.max(2, share)}%`;
      card.append(bar, make("span", { class: "xc-share-number", text: `${share} %` }));
    }
    if (chosen) card.append(make("span", { class: "xc-chosen" }, icon("check")));
    return card;
  }

  // What speaks for a picture, in facts.
  function reasons(one) {
    const { query, named, words, similarity, yes } = one.evidence;
    const percent = (share) => Math.round(100 * share);
    const said = (key, values) => fill(texts(key), values);
    return [
      said(named ? "why_named" : "why_query", { query }),
      words.length ? said("why_words", { words: words.join(", ") }) : "",
      similarity === null ? "" : said("why_similarity", { query, percent: percent(similarity) }),
      yes === null ? "" : said("why_yes", { percent: percent(yes) }),
      said("why_fit", { percent: percent(one.fit) }),
    ].filter(Boolean);
  }

  // What a search found: likely pictures, and the rest. Candidates that were judged beside the paragraph keep their order.
  function parted(candidates) {
    if (candidates.some((one) => one.fit ?? one.share ?? false)) return [candidates, []];
    return [candidates.filter((one) => one.likely !== false), candidates.filter((one) => one.likely === false)];
  }

  function show(value) {
    const typing = section && section.id === value.id ? document.activeElement : null;
    section = value;
    const picture = value.picture;
    if (!picture) {
      shut();
      return;
    }
    if (typing !== caption) caption.value = picture.caption;
    if (typing !== query) query.value = picture.query || picture.caption;
    if (typing !== alt) alt.value = described(picture);
    changed.hidden = !picture.text_changed;
    for (const node of [alt, altLabel, widthLabel, widthRow, cropLabel, cropRow]) node.hidden = !picture.chosen;
    for (const one of widths) one.setAttribute("aria-pressed", String(one.dataset.width === picture.width));
    up.disabled = placing.neighbour(section.id, -1) === null;
    down.disabled = placing.neighbour(section.id, 1) === null;
    const chosen = picture.chosen;
    large.replaceChildren();
    large.classList.toggle("xc-drawing", Boolean(chosen && chosen.drawing));
    large.hidden = !chosen;
    facts.replaceChildren();
    why.hidden = !(chosen && chosen.evidence);
    if (!why.hidden) why.replaceChildren(make("summary", { text: texts("why") }), ...reasons(chosen).map((text) => make("p", { text })));
    if (chosen) {
      if (large.dataset.picture !== chosen.id) focus = { x: 0.5, y: 0.5 };
      large.dataset.picture = chosen.id;
      if (chosen.src) large.append(framed(chosen, picture.alt));
      const sure = chosen.evidence && !picture.text_changed ? texts(chosen.fits ? "fits" : "perhaps") : "";
      const lines = [sure, chosen.caption, credited(chosen), chosen.approximate ? texts("approximate") : ""];
      facts.textContent = lines.filter(Boolean).join(" · ");
    }
    const byModel = picture.candidates.some(wasAsked);
    const card = (one) => candidate(one, Boolean(chosen && chosen.id === one.id), byModel);
    const [likely, others] = parted(picture.candidates);
    const line = make("p", { class: "xc-facts xc-grid-line", text: texts("less_likely") });
    grid.replaceChildren(...likely.map(card), ...(others.length ? [line] : []), ...others.map(card));
    if (!panel.classList.contains("xc-busy")) setBusy("");
  }

  // The picture with the point that a crop leaves in sight.
  function framed(chosen, words) {
    const point = make("button", { type: "button", class: "xc-focus", title: texts("focus"), "aria-label": texts("focus") });
    const place = (x, y) => {
      focus = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
      point.style.left = `${100 * focus.x}%`;
      point.style.top = `${100 * focus.y}%`;
    };
    const image = make("img", { src: address(chosen.src), alt: words, onclick: ({ offsetX, offsetY }) => place(offsetX / image.clientWidth, offsetY / image.clientHeight) });
    point.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, -0.05], ArrowDown: [0, 0.05] }[event.key];
      if (!step) return;
      event.preventDefault();
      place(focus.x + step[0], focus.y + step[1]);
    });
    place(focus.x, focus.y);
    return make("div", { class: "xc-framed" }, image, point);
  }

  function label() {
    setBusy("");
    heading.textContent = texts("inspector");
    close.title = texts("close");
    close.setAttribute("aria-label", texts("close"));
    captionLabel.textContent = texts("caption");
    queryLabel.textContent = texts("caption_hint");
    altLabel.textContent = texts("alt");
    alt.placeholder = texts("alt_hint");
    widthLabel.textContent = texts("width");
    cropLabel.textContent = texts("crop");
    for (const one of widths) {
      one.setAttribute("aria-label", texts(`width.${one.dataset.width}`));
      one.lastChild.textContent = texts(`width.${one.dataset.width}`);
    }
    changedLine.textContent = texts("changed");
    for (const [node, key] of [[search, "search"], [own, "upload"], [up, "move_up"], [down, "move_down"], [remove, "remove"], [renew, "renew"], [fits, "still_fits"]]) {
      node.setAttribute("aria-label", texts(key));
      node.lastChild.textContent = texts(key);
    }
  }

  // Where it is open already, because candidates came or the picture was moved, the focus stays where it is.
  function open(value, from) {
    opener = from;
    const before = pressed?.id === value.id ? pressed : null;
    pressed = null;
    setBusy("");
    const held = panel.contains(document.activeElement) ? document.activeElement : before?.node;
    panel.hidden = false;
    document.body.classList.add("xc-panel-open");
    show(value);
    if (!value.picture) return;
    if (before?.seeking) showCandidates();
    const other = { [up.className]: down, [down.className]: up }[held?.className]; // at the first or last paragraph
    const usable = [held, other, value.picture.chosen ? caption : query].find((one) => one?.isConnected && !one.disabled && one.offsetParent);
    usable?.focus({ preventScroll: true });
  }

  // Below the fold nobody sees that something was found.
  function showCandidates() {
    const first = grid.querySelector(".xc-candidate");
    const { top, bottom } = panel.getBoundingClientRect();
    if (first && first.getBoundingClientRect().bottom > bottom) panel.scrollTop += queryLabel.getBoundingClientRect().top - top - 16;
  }

  // A file of one's own for that section.
  function pick({ id }) {
    target = id;
    file.click();
  }

  function shut() {
    if (panel.hidden) return;
    const focused = document.activeElement === document.body || panel.contains(document.activeElement);
    panel.hidden = true;
    document.body.classList.remove("xc-panel-open");
    if (focused) opener()?.focus({ preventScroll: true });
  }

  function update(value) {
    if (!panel.hidden && section && section.id === value.id) show(value);
  }

  goRound(panel, () => !panel.hidden && SHEET.matches);
  label();
  return { panel, open, pick, shut, update, label, free: () => ((pressed = null), setBusy("")), id: () => (panel.hidden || !section ? null : section.id) };
}
