// Runs before Gradio's script, because it changes what that script finds.

// Who leaves with an article that is not saved is asked first. Gradio takes the browser's question for the leaving and
// lets go of the server, which who stays still needs: so the question must be heard before Gradio hears it.
window.addEventListener("beforeunload", (event) => {
  if (window.xcReloads || !window.xcUnsaved || !window.xcUnsaved()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
});

{
  let config; // Gradio takes the address of the page from the request, which a proxy may have changed
  Object.defineProperty(window, "gradio_config", {
    configurable: true,
    get: () => config,
    set: (value) => {
      config = value;
      if (config && config.root) config.root = location.origin + location.pathname.replace(/\/+$/, "");
    },
  });
}

// What a reload of this tab must not end is kept in the browser as long as the tab is there, for each login by itself.
{
  const key = (name) => `xc-${name}:${window.gradio_config?.username ?? ""}`;
  let before = {};
  try {
    before = { ...sessionStorage };
  } catch {
    // storage is forbidden
  }
  // Whether it is kept; null ends the keeping.
  window.xcKeep = (name, value) => {
    try {
      if (value === null || value === undefined) sessionStorage.removeItem(key(name));
      else sessionStorage.setItem(key(name), JSON.stringify(value));
      return true;
    } catch {
      return false; // storage is forbidden or full
    }
  };
  // What was kept before this page was loaded, or null: a component that has just been made reports its empty value.
  window.xcKept = (name) => JSON.parse(before[key(name)] ?? "null");
}

// Who this browser is, where nobody logs in: its drafts are those that were written with this key.
{
  let key = [...crypto.getRandomValues(new Uint8Array(24))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    key = localStorage.getItem("xc-key") || key;
    localStorage.setItem("xc-key", key);
  } catch {
    // storage is forbidden: the key lasts as long as the page
  }
  window.xcKey = () => key;
}

// What a person has set in the form, for each login by itself: the next visit begins with it.
{
  const key = () => `xc-form:${window.gradio_config?.username ?? ""}`;
  window.xcSettings = () => {
    try {
      return JSON.parse(localStorage.getItem(key()) ?? "{}");
    } catch {
      return {}; // storage is forbidden
    }
  };
  const store = (settings) => {
    try {
      localStorage.setItem(key(), JSON.stringify(settings));
    } catch {
      // not remembered
    }
  };
  // Settings under names of the person's choice. store(name, null) deletes one; whether it was kept.
  const named = () => `xc-presets:${window.gradio_config?.username ?? ""}`;
  window.xcPresets = {
    all: () => {
      try {
        return JSON.parse(localStorage.getItem(named()) ?? "{}");
      } catch {
        return {};
      }
    },
    store: (name, settings) => {
      const { [name]: _before, ...others } = window.xcPresets.all();
      try {
        localStorage.setItem(named(), JSON.stringify(settings ? { ...others, [name]: settings } : others));
        return true;
      } catch {
        return false;
      }
    },
  };
  window.xcUse = (settings) => store(settings);
  window.xcSetting = (name, value) => store({ ...window.xcSettings(), [name]: value });
  window.xcForget = () => store({});
}

// The draft to begin with: the one of the address, else the one this tab had; and whether this browser has more of it
// than it knows to be saved; and which session showed it.
window.xcDraft = () => {
  const kept = window.xcKept("article");
  const draft = new URLSearchParams(location.search).get("draft") || kept?.draft?.id || null;
  const newer = Boolean(draft && kept?.draft?.id === draft && !kept.broken && kept.revision > kept.draft.revision);
  return { draft, newer, shown: kept?.owner ?? window.xcKept("session") };
};

// Whether another tab shows what that session sends: then this tab is a copy of it, and nothing is taken from that one.
{
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("xc-tabs") : null;
  const mine = new Set(); // sessions of this page
  channel?.addEventListener("message", ({ data }) => mine.has(data.asks) && channel.postMessage({ shown: data.asks }));
  window.xcShows = (session) => mine.add(session);
  window.xcElsewhere = (session) => new Promise((give) => {
    if (!channel || !session) {
      give(false);
      return;
    }
    channel.addEventListener("message", ({ data }) => data.shown === session && give(true));
    channel.postMessage({ asks: session });
    setTimeout(() => give(false), 80);
  });
}

// The conversation that this tab shows: the one of the address, else the one this tab had; and who asks for it.
{
  let id; // undefined: the page has not said yet
  window.xcTalk = () => ({ id: id === undefined ? new URLSearchParams(location.search).get("chat") || window.xcKept("talk") : id, key: window.xcKey() });
  window.xcTalkIs = (shown) => {
    id = shown;
    window.xcKeep("talk", id);
    const url = new URL(location.href);
    if (id) url.searchParams.set("chat", id);
    else url.searchParams.delete("chat");
    if (url.href !== location.href) history.replaceState(history.state, "", url);
  };
}

// A Gradio page that has lost its connection does nothing any more, asks for app_id every two seconds, and loads itself
// anew once that is answered. Meanwhile the page says so ("xc-connection"); and that reload needs nobody's consent.
{
  const plain = window.fetch;
  const path = (resource) => new URL(resource.url || resource, location.href).pathname;
  // What a program that is being ended says on an open stream is to Gradio an error of that call, after which it asks for
  // nothing any more. It is the end of the connection. No text of a model begins a line of the stream.
  const STOPPED = /^data: ?\{"msg": ?"unexpected_error".*Server stopped unexpectedly/m;
  const cut = (answer) => {
    const decoder = new TextDecoder();
    const body = answer.body.pipeThrough(new TransformStream({
      transform(chunk, stream) {
        if (STOPPED.test(decoder.decode(chunk, { stream: true }))) stream.error(new TypeError("The program stopped."));
        else stream.enqueue(chunk);
      },
    }));
    return new Response(body, answer);
  };
  window.fetch = async (resource, options) => {
    if (path(resource).endsWith("/queue/data")) {
      const answer = await plain(resource, options);
      return answer.ok && answer.body ? cut(answer) : answer;
    }
    if (!path(resource).endsWith("/app_id")) return plain(resource, options);
    const answer = await plain(resource, options).catch(() => null);
    const lost = !answer?.ok;
    window.xcReloads = !lost;
    window.dispatchEvent(new CustomEvent("xc-connection", { detail: { lost } }));
    if (lost) throw new TypeError("The program cannot be reached.");
    return answer;
  };
}
