// A batch of encodings in the way of Bitmovin's BatchEncoding example, with
// shorter pauses: keep TARGET encodings queued, retry what may be retried,
// until every job has ended. Prints the jobs as JSON.
//
// Arguments: base URL, API key.
'use strict';

const sdk = require('@bitmovin/api-sdk');

const TARGET = 3;
const MAX_RETRIES = 2;
const CYCLE_MS = 100;
const CALL_PAUSE_MS = 3;
const QUEUE_FULL = 8004;

const [baseUrl, apiKey] = process.argv.slice(2);
const api = new sdk.default({ apiKey, baseUrl });
const encodings = api.encoding.encodings;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function createResources() {
  const input = await api.encoding.inputs.http.create(new sdk.HttpInput({ host: 'media.example' }));
  const output = await api.encoding.outputs.s3.create(
    new sdk.S3Output({ bucketName: 'bucket', accessKey: 'AKIA-ACCESS', secretKey: 'SECRET-VALUE' }),
  );
  const video = (height, bitrate) =>
    api.encoding.configurations.video.h264.create(
      new sdk.H264VideoConfiguration({
        name: `H.264 ${height}`,
        presetConfiguration: sdk.PresetConfiguration.VOD_STANDARD,
        height,
        bitrate,
      }),
    );
  const configs = await Promise.all([
    video(480, 800000),
    video(720, 1200000),
    video(1080, 2000000),
    api.encoding.configurations.audio.aac.create(
      new sdk.AacAudioConfiguration({ name: 'AAC 128 kbit/s', bitrate: 128000 }),
    ),
  ]);
  return { input, output, configs };
}

async function configure(job, { input, output, configs }) {
  const encoding = await encodings.create(new sdk.Encoding({ name: job.name }));
  for (const config of configs) {
    const stream = await encodings.streams.create(
      encoding.id,
      new sdk.Stream({
        inputStreams: [
          new sdk.StreamInput({
            inputId: input.id,
            inputPath: job.inputPath,
            selectionMode: sdk.StreamSelectionMode.AUTO,
          }),
        ],
        codecConfigId: config.id,
      }),
    );
    const folder =
      config instanceof sdk.H264VideoConfiguration ? `video/${config.height}` : `audio/${config.bitrate / 1000}`;
    await encodings.muxings.fmp4.create(
      encoding.id,
      new sdk.Fmp4Muxing({
        segmentLength: 4,
        streams: [new sdk.MuxingStream({ streamId: stream.id })],
        outputs: [
          new sdk.EncodingOutput({
            outputId: output.id,
            outputPath: `${job.outputPath}/${folder}`,
            acl: [new sdk.AclEntry({ permission: sdk.AclPermission.PUBLIC_READ })],
          }),
        ],
      }),
    );
  }
  return encoding.id;
}

async function start(job) {
  try {
    await encodings.start(job.encodingId);
    job.state = 'STARTED';
  } catch (error) {
    if (error.errorCode === QUEUE_FULL) {
      job.queueFull += 1;
      return false;
    }
    job.retries += 1;
    if (job.retries > MAX_RETRIES) {
      job.state = 'GIVEN_UP';
    }
  }
  return true;
}

async function update(job) {
  const task = await encodings.status(job.encodingId);
  if (task.status === sdk.Status.FINISHED) {
    job.state = 'SUCCESSFUL';
  } else if (task.status === sdk.Status.ERROR) {
    const retryable = task.error && task.error.retryHint !== sdk.RetryHint.NO_RETRY;
    if (!retryable || job.retries >= MAX_RETRIES) {
      job.state = 'GIVEN_UP';
      job.messages = task.messages.filter((m) => m.type === sdk.MessageType.ERROR).map((m) => m.text);
      return;
    }
    job.retries += 1;
    job.state = 'WAITING';
  }
}

async function main() {
  const jobs = [1, 2, 3, 4, 5, 6].map((n) => ({
    name: `encoding${n}`,
    inputPath: 'videos/in.mp4',
    outputPath: `outputs/BatchEncoding/videos/in.mp4/encoding${n}`,
    state: 'WAITING',
    retries: 0,
    queueFull: 0,
  }));
  const resources = await createResources();
  while (jobs.some((job) => job.state === 'WAITING' || job.state === 'STARTED')) {
    const queued = await encodings.list((q) => q.status(sdk.Status.QUEUED));
    const waiting = jobs.filter((job) => job.state === 'WAITING');
    for (const job of waiting.slice(0, Math.max(0, TARGET - queued.totalCount))) {
      job.encodingId = job.encodingId || (await configure(job, resources));
      if (!(await start(job))) {
        break;
      }
      await pause(CALL_PAUSE_MS);
    }
    await pause(CYCLE_MS);
    for (const job of jobs.filter((j) => j.state === 'STARTED')) {
      await update(job);
      await pause(CALL_PAUSE_MS);
    }
  }
  console.log(JSON.stringify(jobs));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
