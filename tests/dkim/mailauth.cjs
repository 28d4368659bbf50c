// What mailauth says of signatures, and its own ones: JSON on standard input, JSON on standard output.
// {"verify": [message], "records": {name: text}, "sign": [message], "keys": [{...}]}, messages in base64.
const { dkimSign } = require('mailauth/lib/dkim/sign');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

const read = (text) => Buffer.from(text, 'base64');

async function main(asked) {
    const resolver = async (name) => {
        if (asked.records[name]) return [[asked.records[name]]];
        throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    };
    const verified = [];
    for (const message of asked.verify) {
        const { results } = await dkimVerify(read(message), { resolver });
        verified.push(results.map((each) => each.status.result + (each.status.comment ? ` ${each.status.comment}` : '')));
    }
    const signed = [];
    for (const message of asked.sign) {
        const { signatures, errors } = await dkimSign(read(message), {
            canonicalization: 'relaxed/relaxed',
            signTime: new Date(asked.now * 1000),
            signatureData: asked.keys,
        });
        if (errors.length) throw errors[0].err || new Error(JSON.stringify(errors));
        signed.push(Buffer.concat([Buffer.from(signatures, 'binary'), read(message)]).toString('base64'));
    }
    console.log(JSON.stringify({ verified, signed }));
}

let text = '';
process.stdin.on('data', (chunk) => (text += chunk));
process.stdin.on('end', () => main(JSON.parse(text)).catch((error) => { console.error(error); process.exit(1); }));
