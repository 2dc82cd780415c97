import os, time, urllib.request
print(time.strftime('clock %Y-%m-%d', time.gmtime()), flush=True)
with open('/tmp/kept.txt', 'w') as file:
    file.write('kept\n')
with open('/tmp/deleted.txt', 'w') as file:
    file.write('deleted\n')
os.unlink('/tmp/deleted.txt')
if os.fork() == 0:
    os._exit(0)
os.wait()
for url in ['http://plain.example/request', 'https://secret.example/request']:
    urllib.request.urlopen(url, timeout=90).read()
