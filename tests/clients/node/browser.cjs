// A browser that runs the published SockJS script in pages: browser.cjs CHROMIUM PROFILE.
// Reads one JSON object a line, {page, script, url, transport, token, campaign}: opens the page, connects from there by that
// transport alone and reads the campaign until it is finished. Answers one JSON object a line, {transport, messages, close, requests,
// problems}, and before it {reading: true} when the page was told that a host is asked. `script` is put into
// a page that does not have it. With {page, url, say} instead: what the frame of the iframe transports answers when it is told that.

const readline = require("readline");
const { chromium } = require("playwright-core");

const [executablePath, profile] = process.argv.slice(2);
const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // A closed network: nothing but this machine has an address.
  "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

// Runs in the page.
function converse({ url, transport, token, campaign }) {
  return new Promise((resolve) => {
    const seen = { transport: null, messages: [], close: null };
    const socket = new SockJS(url, undefined, { transports: [transport] });
    socket.onopen = () => {
      seen.transport = socket.transport;
      socket.send(JSON.stringify({ type: "auth", data: { token } }));
      socket.send(JSON.stringify({ type: "select_campaign", data: { campaign_id: campaign } }));
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      seen.messages.push(message);
      if (message.type === "status" && message.data.status === "pending") {
        window.reading();
      }
      if (message.type === "status" && message.data.status === "finished") {
        socket.close();
      }
    };
    socket.onclose = ({ code, reason }) => {
      seen.close = [code, reason];
      resolve(seen);
    };
    setTimeout(() => resolve(seen), 25000);
  });
}

// Runs in the page: puts a frame into it, says one thing to it once it is ready and gives what it says back.
function frame({ url, say }) {
  return new Promise((resolve) => {
    const frame = document.createElement("iframe");
    const windowId = "w1";
    frame.src = `${url}/iframe.html#${windowId}`;
    addEventListener("message", (event) => {
      const { type, data } = JSON.parse(event.data);
      if (type === "s") {
        frame.contentWindow.postMessage(JSON.stringify({ windowId, ...say }), new URL(url).origin);
      } else {
        resolve({ type, data });
      }
    });
    document.body.appendChild(frame);
    setTimeout(() => resolve({ type: "nothing" }), 10000);
  });
}

async function answer(browser, wanted) {
  const page = await browser.newPage();
  const [requests, problems] = [[], []];
  await page.exposeFunction("reading", () => console.log(JSON.stringify({ reading: true })));
  page.on("request", (request) => requests.push(`${request.method()} ${request.url()}`));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (line) => {
    // The icon that a browser asks of every host is none of the script's.
    if (line.type() === "error" && !line.location().url.endsWith("/favicon.ico")) {
      problems.push(line.text());
    }
  });
  try {
    await page.goto(wanted.page);
    if (wanted.script) {
      await page.addScriptTag({ path: wanted.script });
    }
    const seen = await page.evaluate(wanted.say ? frame : converse, wanted);
    return { ...seen, requests, problems };
  } finally {
    await page.close();
  }
}

async function main() {
  const browser = await chromium.launchPersistentContext(profile, { executablePath, args, headless: true, ignoreHTTPSErrors: true });
  console.log(JSON.stringify({ version: browser.browser()?.version() ?? "" }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      console.log(JSON.stringify(await answer(browser, JSON.parse(line))));
    } catch (error) {
      console.log(JSON.stringify({ failed: String(error) }));
    }
  }
  await browser.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
