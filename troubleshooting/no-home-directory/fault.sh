mv /home/mallory /home/mallory.away
