"""The Todo Chatbot's backend: accounts, todos, a chat that manages them, and the same as MCP tools."""
