// A conversation through the OpenAI API: `node examples/chat/chat.ts <question>…`, with OPENAI_BASE_URL and OPENAI_API_KEY set.
import OpenAI from 'openai'

const client = new OpenAI()
const messages: OpenAI.ChatCompletionMessageParam[] = []

for (const question of process.argv.slice(2)) {
  console.log(`> ${question}`)
  messages.push({ role: 'user', content: question })
  const stream = await client.chat.completions.create({ model: 'tiny', messages, temperature: 0, stream: true })
  let answer = ''
  for await (const { choices } of stream) {
    const text = choices[0]?.delta.content ?? ''
    answer += text
    process.stdout.write(text)
  }
  console.log()
  messages.push({ role: 'assistant', content: answer })
}
