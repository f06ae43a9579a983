// usage: node bolt.mjs PORT SECRET TOKEN API_URL
// An app made with Slack's own framework, with the same signing secret as the gateway, whose client talks to the fake Slack. Prints "ready".
import { createServer } from "node:http";
import bolt from "@slack/bolt";

const { App, HTTPReceiver } = bolt;
const [port, signingSecret, token, slackApiUrl] = process.argv.slice(2);
const receiver = new HTTPReceiver({ signingSecret, endpoints: ["/slack/events", "/slack/interactive", "/slack/command"], processBeforeResponse: true });
const app = new App({ token, receiver, clientOptions: { slackApiUrl, retryConfig: { retries: 0 } } });
app.command("/device", async ({ ack }) => ack({ response_type: "ephemeral", text: "1 device" }));
app.action(/^pst\./, async ({ ack }) => ack());
app.view(/^pst\./, async ({ ack }) => ack());
app.message(async ({ say }) => say("heard"));
app.event("app_home_opened", async ({ event, client }) =>
  client.views.publish({ user_id: event.user, view: { type: "home", blocks: [{ type: "section", text: { type: "mrkdwn", text: "Hello" } }] } }));
app.error(async (error) => console.error(error.message));
createServer((request, response) => receiver.requestListener(request, response)).listen(Number(port), "127.0.0.1", () => console.log("ready"));
