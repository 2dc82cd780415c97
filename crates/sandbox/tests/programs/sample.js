const { execFileSync } = require('child_process');
const fs = require('fs');
console.log('clock ' + new Date().toISOString().slice(0, 10));
for (const name of ['kept', 'deleted']) fs.writeFileSync(`/tmp/${name}.txt`, name + '\n');
fs.unlinkSync('/tmp/deleted.txt');
execFileSync('/bin/true');
for (const protocol of ['http', 'https']) {
  const host = protocol === 'http' ? 'plain.example' : 'secret.example';
  require(protocol).get(`${protocol}://${host}/request`, (answer) => answer.resume());
}
