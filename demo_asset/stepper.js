// The line above the article while the model works: its steps, what is waited for, the seconds, and Stop. Its nodes stay
// the same while it changes, so that Stop keeps the focus.

const WAITING = ["waiting", "loading", "running"]; // states of the work in which somebody waits for it

function makeStepper({ texts, halt }) {
  let status = {};
  let startedAt = 0;
  let took = {}; // seconds of the steps that have ended

  const list = make("ol", { class: "xc-steps" });
  const wait = make("span", { class: "xc-wait" });
  const clock = make("span", { class: "xc-clock", role: "timer" });
  const stop = button("", "stop", () => {
    halt(status);
    status.stopping = true;
    draw(status);
  }, { class: "xc-button xc-stop" });
  const spoken = make("span", { class: "xc-spoken", role: "status" }); // the step for those who hear the page, once
  const line = make("div", { class: "xc-stepper", hidden: true }, list, wait, clock, stop, spoken);

  function item(step, index, at) {
    const node = make("li", { class: index < at ? "xc-past" : index === at ? "xc-now" : "" }, make("span", { text: texts(`step.${step}`) }));
    if (index === at) node.setAttribute("aria-current", "step");
    if (step in took) node.append(make("small", { text: `${took[step]} ${texts("seconds")}` }));
    else if (index === at && status.total) node.append(make("small", { text: `${status.done}/${status.total}` }));
    return node;
  }

  // how many come first, and for about how long
  function waited() {
    if (!status.ahead) return texts("waiting_next");
    const seconds = status.seconds ?? 0;
    const about = seconds < 90 ? texts("about_seconds").replace("{seconds}", seconds) : texts("about_minutes").replace("{minutes}", Math.round(seconds / 60));
    return `${texts("waiting")} (${status.ahead})${seconds ? ` · ${about}` : ""}`;
  }

  function words() {
    if (status.state === "waiting") return waited();
    return status.state === "loading" ? status.text : "";
  }

  function showSeconds() {
    if (!line.hidden) clock.textContent = `${((performance.now() - startedAt) / 1000).toFixed(0)} ${texts("seconds")}`;
  }

  // The status as it is now; the line is there in the states in which somebody waits for the model.
  function draw(value) {
    value.steps ||= status.steps; // told once, when the first begins
    status = value; // the same object: the view sees that it is being stopped
    line.hidden = !WAITING.includes(status.state);
    if (line.hidden) return;
    const at = (status.steps || []).indexOf(status.step);
    list.replaceChildren(...(status.steps || []).map((step, index) => item(step, index, at)));
    wait.textContent = words();
    const said = at < 0 ? words() : texts(`step.${status.step}`);
    if (spoken.textContent !== said) spoken.textContent = said;
    const label = texts(status.stopping ? "stopping" : "stop");
    stop.setAttribute("aria-label", label);
    stop.lastChild.textContent = label;
    stop.disabled = Boolean(status.stopping);
    showSeconds();
  }

  function begin() {
    startedAt = performance.now();
    took = {};
  }

  function ended(step, seconds) {
    took[step] = seconds;
    draw(status);
  }

  setInterval(showSeconds, 500);
  return { line, begin, draw, ended };
}
