chage --lastday "$(date +%F)" mallory
