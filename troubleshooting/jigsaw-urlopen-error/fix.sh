cd /root/jigsaw && sh install.sh
