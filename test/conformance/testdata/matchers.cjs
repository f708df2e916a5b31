'use strict';

// Prints, for each line of questions, what the Node client makes of an event.
const { readFileSync } = require('node:fs');
const { resolve } = require('node:path');

const { recogniser } = require(resolve(process.argv[2], 'event.js'));

const answers = readFileSync(0, 'utf8').trimEnd().split('\n').map((line) => {
  const { event, options: [source, detailType, detailKey] } = JSON.parse(line);
  return JSON.stringify(recogniser({ source, detailType, detailKey })(event));
});
process.stdout.write(answers.join('\n') + '\n');
