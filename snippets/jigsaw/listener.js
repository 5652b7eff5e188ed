// What %jigsaw runs in the notebook page: it shows the editor under the cell, hands what the editor sends to the
// kernel, and shows what comes back. `element` is the cell's output; `page` is the editor's file on the server.
async (element, { page, kernel, height }) => {
  const settings = (html) => JSON.parse(html.getElementById("jupyter-config-data").textContent);
  const { baseUrl, serverRoot, token } = settings(document);
  const base = new URL(baseUrl, location.origin);
  const headers = token ? { Authorization: `token ${token}` } : {};

  const shown = document.createElement("pre");
  shown.setAttribute("role", "log");
  const show = (text, place = shown) => place.append(text.replace(/\x1b\[[\d;]*m/g, ""));
  const failed = ({ message }, place) => show(`${message}\n`, place);

  // A page of Notebook 7 need not say in which folder the server's files begin. JupyterLab's does.
  async function lab() {
    const answer = await fetch(new URL("lab", base), { headers });
    if (!answer.ok) throw new Error(`JupyterLab's page, which tells where files begin, was answered with ${answer.status}.`);
    return settings(new DOMParser().parseFromString(await answer.text(), "text/html"));
  }

  const root = (serverRoot ?? (await lab()).serverRoot).replace(/\/*$/, "/");
  const path = page.startsWith(root) ? page.slice(root.length) : null;
  if (path === null || /(^|\/)\./.test(path)) {
    element.append(shown);
    show(`Jupyter shows no hidden files, and none outside ${root}: ${page}\n`);
    return;
  }
  const address = path.split("/").map(encodeURIComponent).join("/");
  const blocks = new URL(`api/contents/${address.replace(/html$/, "xml")}`, base);

  // MetaKernel's own %jigsaw, in notebooks that were saved with it, runs what any window says. From here on, it hears no
  // frames but those with files of the user's.
  if (!Object.getOwnPropertyDescriptor(document, "jigsaw_handle_message")?.get) {
    let handle = document.jigsaw_handle_message;
    const files = new URL("files/", base).href;
    const its = (source) => [...document.querySelectorAll("iframe:not([sandbox])")]
      .some((frame) => frame.contentWindow === source && frame.src.startsWith(files));
    Object.defineProperty(document, "jigsaw_handle_message", {
      get: () => (event) => event.origin === "null" && its(event.source) && handle?.(event),
      set: (other) => { handle = other; },
    });
  }

  // The server sandboxes the page, and so does the frame: the editor stays locked in if one of the two is lost.
  const frame = document.createElement("iframe");
  Object.assign(frame, { src: new URL(`files/${address}`, base), title: "Block editor", height, sandbox: "allow-scripts" });
  frame.style.cssText = "width: 100%; border: 1px solid var(--jp-border-color1, gray); box-sizing: border-box";
  element.append(frame, shown);

  // The newest blocks that the server has not taken yet, by file, for all editors of the page.
  const unsaved = (window.jigsaw_unsaved ??= new Map());

  async function save(xml) {
    if (xml === undefined) return;
    await restored;
    unsaved.set(blocks.href, xml);
    await offer(xml);
  }

  async function offer(xml, anew) {
    const last = () => unsaved.get(blocks.href) === xml;
    // While the hub is away, the blocks are offered again, until there are newer ones. When it is back, it refuses them until
    // it has found the user's server again.
    const again = () => setTimeout(() => last() && offer(xml, true).then(() => show("The blocks are saved.\n"), () => {}), 3000);
    const answer = await fetch(blocks, {
      method: "PUT",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify({ type: "file", format: "text", content: xml }),
    }).catch(({ message }) => {
      again();
      throw new Error(`The blocks are not saved yet: ${message}`);
    });
    if (answer.status >= 500 || (anew && !answer.ok)) again();
    else if (last()) unsaved.delete(blocks.href);
    if (!answer.ok) throw new Error(`The blocks are not saved: the server answers ${answer.status} for ${decodeURI(blocks.pathname)}`);
  }

  // The frame's page is as old as the cell's last run; what was saved since is on the server. Blocks that cannot be read
  // there are never written over.
  let restored;
  const restore = () => (restored = bring());
  async function bring() {
    const answer = await fetch(`${blocks}?type=file&format=text&content=1`, { headers });
    if (!answer.ok && answer.status !== 404) {
      throw new Error(`The server answers ${answer.status} for the saved blocks, so nothing will be saved until you reload this page.`);
    }
    const xml = unsaved.get(blocks.href) ?? (answer.ok ? (await answer.json()).content : undefined);
    if (xml) frame.contentWindow.postMessage({ type: "jigsaw-saved", xml }, "*");
  }

  // A program goes to the kernel that ran the cell, over a WebSocket of its own: the application's is out of reach.
  async function run(code, place) {
    const known = await fetch(new URL(`api/kernels/${kernel}`, base), { headers });
    if (!known.ok) throw new Error(`The kernel of this editor is gone (${known.status}). Run the cell again.`);
    const channels = new URL(`api/kernels/${kernel}/channels`, base);
    channels.protocol = channels.protocol.replace("http", "ws");
    const id = crypto.randomUUID();
    const socket = new WebSocket(channels);
    const header = { msg_id: id, session: id, msg_type: "execute_request", username: "", date: new Date().toISOString(), version: "5.3" };
    const content = { code, silent: false, store_history: false, user_expressions: {}, allow_stdin: false, stop_on_error: true };
    const request = { channel: "shell", header, parent_header: {}, metadata: {}, buffers: [], content };
    socket.onopen = () => socket.send(JSON.stringify(request));
    socket.onmessage = (event) => {
      const { parent_header, header: { msg_type }, content } = JSON.parse(event.data);
      if (parent_header.msg_id !== id) return;
      if (msg_type === "stream") show(content.text, place);
      else if (msg_type === "error") show(`${content.ename}: ${content.evalue}\n`, place);
      else if (content.data?.["image/png"]) picture(content.data["image/png"], place);
      else if (content.data?.["text/plain"]) show(`${content.data["text/plain"]}\n`, place);
      else if (msg_type === "status" && content.execution_state === "idle") socket.close(1000);
    };
    socket.onclose = (event) => {
      if (event.code !== 1000) show(`The connection to the kernel broke (${event.code}).\n`, place);
    };
  }

  function picture(png, place) {
    const image = document.createElement("img");
    image.src = `data:image/png;base64,${png}`;
    place.append(image);
  }

  const actions = {
    ready: restore,
    save: ({ save_xml }) => save(save_xml),
    clear: () => shown.replaceChildren(),
    insert: ({ code, save_xml }) => {
      shown.replaceChildren(code);
      return save(save_xml);
    },
    execute: async ({ code, save_xml }) => {
      // Run was pressed anew: what an older run still brings has no place in the page any more.
      const place = document.createElement("span");
      shown.replaceChildren(place);
      await save(save_xml).catch((error) => failed(error, place));
      await run(code, place).catch((error) => failed(error, place));
    },
  };

  let started = false;
  window.addEventListener("message", async ({ source, origin, data }) => {
    // This frame alone, and only while its page is sandboxed: the origin of such a page is "null".
    if (source !== frame.contentWindow || source === null || origin !== "null" || data?.type !== "jigsaw") return;
    started = true;
    try {
      await actions[data.action]?.(data);
    } catch (error) {
      failed(error);
    }
  });

  // A frame that stays blank says nothing. The server's answer tells why.
  setTimeout(async () => {
    if (started || !frame.isConnected) return;
    const answer = await fetch(frame.src, { headers });
    show(`The block editor does not start. Its page: ${answer.status}, ${answer.headers.get("Content-Security-Policy")}\n`);
  }, 15000);
}
