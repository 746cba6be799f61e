// Firefox by WebDriver BiDi: firefox.mjs publish|watch PAGE URL BEARER runs the page's
// clients in it, and prints "publishing", or "frames N" as it decodes, until it is killed.
Promise.withResolvers ??= function () { // Node 20
  let resolve, reject;
  const promise = new Promise((a, b) => { resolve = a; reject = b; });
  return { promise, resolve, reject };
};
const { default: puppeteer } = await import('puppeteer-core');

const [mode, page, url, bearer] = process.argv.slice(2);
const browser = await puppeteer.launch({
  browser: 'firefox', executablePath: process.env.FIREFOX, headless: true,
  extraPrefsFirefox: {
    'media.navigator.permission.disabled': true, 'media.navigator.streams.fake': true,
    'media.peerconnection.ice.loopback': true, 'media.peerconnection.ice.obfuscate_host_addresses': false,
    'media.autoplay.default': 0, 'media.gmp-manager.updateEnabled': false,
  },
});
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, async () => { await browser.close(); process.exit(0); });
console.log('started');
const tab = await browser.newPage();
tab.on('console', m => console.log('page:', m.text()));
await tab.goto(page);
console.log('open');
if (mode === 'publish') {
  await tab.evaluate((u, b) => peers.whip(u, b), url, bearer);
  await tab.waitForFunction(() => peers.running.whip.pc.connectionState === 'connected', { timeout: 12000 });
  console.log('publishing');
} else {
  for (;;) { // a player comes again while it is not live
    try {
      await tab.evaluate((u, b) => peers.whep(u, b), url, bearer);
      break;
    } catch (e) {
      if (!String(e).includes('409')) throw e;
      await new Promise(go => setTimeout(go, 500));
    }
  }
  for (;;) {
    console.log('frames', await tab.evaluate(() => peers.frames('whep')));
    await new Promise(go => setTimeout(go, 200));
  }
}
