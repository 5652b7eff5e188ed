ss -Hltnp 'sport = :800' | grep -oP 'pid=\K[0-9]+' | sort -u | xargs kill
