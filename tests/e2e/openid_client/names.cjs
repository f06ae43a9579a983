// Every name of a story is 127.0.0.1, for servers as for its browser. Loaded with `node --require`.
const dns = require("node:dns");
const real = dns.lookup;
dns.lookup = (name, options, done) => {
  if (typeof options === "function") [done, options] = [options, {}];
  if (!/\.example$/.test(name)) return real(name, options, done);
  return options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
};
