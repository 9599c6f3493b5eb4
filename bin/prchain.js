#!/usr/bin/env node
import '../src/client.ts'
