// Adding pictures: a folder of this machine, or files dropped in; the line that tells how far it is.

const POLL = 400; // milliseconds between two questions how far it is

function makeAdding({ labels, call, upload, root, ended }) {
  const folder = make("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  const folderLabel = make("label", {}, make("span", {}), folder);
  const start = make("button", { type: "submit", class: "xc-button xc-primary", id: "xc-index-go" });
  const row = make("form", { class: "xc-add-row", id: "xc-index-row" }, folderLabel, start);
  const file = make("input", { type: "file", multiple: true, class: "xc-file", tabindex: "-1", "aria-hidden": "true" });
  const choose = make("button", { type: "button", class: "xc-link", onclick: () => file.click() });
  const hint = make("span", {});
  const drop = make("div", { class: "xc-drop" }, hint, " ", choose, file);
  const line = make("p", { id: "xc-index-line", role: "status" });
  const bar = make("progress", { hidden: true });
  const stop = make("button", { type: "button", class: "xc-button", hidden: true, onclick: () => follow(call("stop")) });
  const job = make("div", { class: "xc-job", hidden: true }, bar, line, stop);
  const summary = make("summary", { class: "label-wrap" });
  const panel = make("details", { class: "xc-add", id: "xc-index", hidden: true }, summary, make("div", { class: "xc-add-body" }, row, drop, job));
  let running = false;
  let sending = false;
  let depth = 0; // drag events come for each element under the mouse

  function say(text, bad = false) {
    job.hidden = !text;
    line.textContent = text;
    line.classList.toggle("xc-bad-line", bad);
  }

  function draw(state) {
    running = Boolean(state && state.running);
    start.disabled = running || sending;
    stop.hidden = !running || !state.stoppable;
    bar.hidden = !running && !sending;
    if (running && state.total) (bar.max = state.total), (bar.value = state.done);
    else bar.removeAttribute("value"); // moves to and fro while the number is not known
    if (state) say(state.line, state.bad);
  }

  // Shows where the job is until it has ended; `asked` is the answer of the call that began or stopped it.
  let following = 0;
  async function follow(asked) {
    const mine = ++following;
    let answer = await asked;
    while (mine === following) {
      if (answer.problem) {
        draw(null);
        say(answer.problem, true);
        return;
      }
      draw(answer.job);
      if (!running) {
        ended();
        return;
      }
      await new Promise((resume) => setTimeout(resume, POLL));
      answer = await call("job");
    }
  }

  async function send(files) {
    if (running || sending || !files.length) return;
    sending = true;
    panel.open = true;
    start.disabled = true;
    bar.hidden = false;
    bar.max = files.length;
    const paths = [];
    let lost = 0;
    for (const [number, one] of files.entries()) {
      bar.value = number;
      say(labels().sending.replace("{done}", number + 1).replace("{total}", files.length));
      try {
        paths.push((await upload(one)).path);
      } catch {
        lost += 1;
      }
    }
    sending = false;
    let passed = "";
    if (paths.length) {
      const asked = call("take", { files: paths });
      passed = (await asked).not_taken || "";
      await follow(asked);
    } else draw(null);
    const missing = [lost && labels().not_sent.replace("{count}", lost), passed].filter(Boolean);
    if (missing.length) say([...missing, paths.length && line.textContent].filter(Boolean).join(" "), true);
  }

  row.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running) follow(call("index", { folder: folder.value }));
  });
  file.addEventListener("change", () => {
    const chosen = [...file.files];
    file.value = "";
    send(chosen);
  });
  const carries = (event) => !panel.hidden && event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  const over = (change) => root.classList.toggle("xc-dropping", (depth = change) > 0);
  root.addEventListener("dragenter", (event) => carries(event) && over(depth + 1));
  root.addEventListener("dragleave", (event) => carries(event) && over(Math.max(0, depth - 1)));
  root.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  root.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    over(0);
    send([...event.dataTransfer.files]);
  });

  function label() {
    summary.textContent = labels().add;
    folderLabel.firstChild.textContent = labels().add_folder;
    folder.placeholder = labels().add_folder_hint;
    start.textContent = labels().add_start;
    stop.textContent = labels().add_stop;
    hint.textContent = labels().drop;
    choose.textContent = labels().choose;
  }

  // What the page found when it came: whether pictures can be added, and a job that is still going on.
  function greet(allowed, state, chosen) {
    file.accept = chosen;
    panel.hidden = !allowed;
    if (state && state.running && !running) {
      panel.open = true;
      follow(call("job"));
    }
  }

  return { panel, label, greet, refresh: () => running && call("job").then((answer) => draw(answer.job)) };
}
