// Slack's own Socket Mode client. usage: socket_mode.mjs APP_TOKEN API_URL; says what it hears on its standard output.
import { SocketModeClient } from '@slack/socket-mode';

const [appToken, slackApiUrl] = process.argv.slice(2);
const client = new SocketModeClient({ appToken, clientOptions: { slackApiUrl } });
client.on('message', async ({ ack, event }) => {
  await ack();
  console.log(`heard message ${event.text}`);
});
client.on('slash_commands', async ({ ack }) => ack({ text: 'from the client' }));
await client.start();
console.log('ready');
