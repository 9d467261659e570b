package sample

// SecretTemplate is the file of a template that names the secret drm of the service.
const SecretTemplate = `
metadata: {type: VOD}
configurations: {video: {h264: {v: {properties: {name: v, height: 360, bitrate: 500000, profile: HIGH}}}}}
encodings:
  main:
    properties: {name: drm, description: "${secret:drm}", cloudRegion: AWS_EU_WEST_1}
    streams: {video: {properties: {codecConfigId: $/configurations/video/h264/v, inputStreams: [{inputId: "${input_id}", inputPath: "${input_path}", selectionMode: AUTO}]}}}
    muxings: {fmp4: {video: {properties: {segmentLength: 4, streams: [{streamId: $/encodings/main/streams/video}], outputs: [{outputId: "${output_id}", outputPath: "${output_path}/video"}]}}}}
    start: {}
`
