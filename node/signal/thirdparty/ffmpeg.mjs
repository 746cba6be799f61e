// FFmpeg's WHIP muxer, through node-av: ffmpeg.mjs URL BEARER publishes a test picture
// until it is killed.
Promise.withResolvers ??= function () { // Node 20
  let resolve, reject;
  const promise = new Promise((a, b) => { resolve = a; reject = b; });
  return { promise, resolve, reject };
};
const { Demuxer, Decoder, Encoder, Muxer } = await import('node-av/api');
const { FF_ENCODER_LIBX264 } = await import('node-av/constants');

const [url, authorization] = process.argv.slice(2);
const input = await Demuxer.open('testsrc2=size=640x360:rate=30,format=yuv420p', { format: 'lavfi' });
const decoder = await Decoder.create(input.video());
const encoder = await Encoder.create(FF_ENCODER_LIBX264, {
  decoder, bitrate: '1M', gopSize: 30, maxBFrames: 0,
  options: { preset: 'ultrafast', tune: 'zerolatency', profile: 'baseline', level: '3.1', g: '30', bf: '0' },
});
const output = await Muxer.open(url, { format: 'whip', options: { authorization } });
const index = output.addStream(encoder);
const began = performance.now();
let sent = 0;
for await (const packet of encoder.packets(decoder.frames(input.packets(input.video().index)))) {
  if (packet === null) break;
  await output.writePacket(packet, index);
  if (++sent === 1) console.log('publishing');
  const ahead = sent * 1000 / 30 - (performance.now() - began);
  if (ahead > 0) await new Promise(go => setTimeout(go, ahead));
}
