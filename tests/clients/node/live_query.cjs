// The two example scripts of the published API document: live_query.cjs URL TOKEN CAMPAIGN [TRANSPORT].
// Without a transport the standard WebSocket client is used, with one SockJS. Prints each message on a line.

const [url, token, campaign, transport] = process.argv.slice(2);
const socket = transport
  ? new (require("sockjs-client"))(url, undefined, { transports: [transport] })
  : new (require("ws"))(url);

socket.onopen = () => {
  console.error(`connected over ${socket.transport ?? "ws"}`);
  socket.send(JSON.stringify({ type: "auth", data: { token } }));
  socket.send(JSON.stringify({ type: "select_campaign", data: { campaign_id: Number(campaign) } }));
};

socket.onmessage = ({ data }) => {
  console.log(data);
  const message = JSON.parse(data);
  if (message.type === "status" && message.data.status === "finished") {
    socket.close();
  }
};

socket.onclose = ({ code, reason }) => {
  console.error(`closed ${code} ${reason}`);
  process.exit(0);
};
