#!/bin/sh
echo "clock $(date -u +%Y-%m-%d)"
echo kept > /tmp/kept.txt
echo deleted > /tmp/deleted.txt && rm /tmp/deleted.txt
( echo "child of the shell" )
curl -sS -m 90 -o /dev/null http://plain.example/request
curl -sS -m 90 -o /dev/null https://secret.example/request
